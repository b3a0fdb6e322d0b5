//! Between dfdx's tensors and our buffers, on the device.

use super::address::Address;
use super::buffer::Buffer;
use super::gpu::Gpu;
use super::memory;
use crate::base::{Error, Result};
use dfdx::prelude::{Cuda, Gradients, HasShape, Storage, Tensor, ZerosTensor};
use dfdx_cudarc::driver::{DevicePtr, DevicePtrMut};
use std::fmt::Display;
use std::sync::Arc;

/// dfdx's memory of 32-bit numbers.
type Numbers = <Cuda as Storage<f32>>::Vec;

/// What belongs to a dfdx device. It does not say its number; its memory does.
pub(super) fn gpu_of(device: &Cuda) -> Result<Arc<Gpu>> {
    let number: Numbers = Storage::<f32>::try_alloc_len(device, 1).map_err(failed)?;
    Gpu::open(number.device().ordinal())
}

/// A dfdx tensor with a buffer's numbers.
pub(super) fn to_tensor(device: &Cuda, buffer: &Buffer, shape: (usize, usize)) -> Result<Tensor<(usize, usize), f32, Cuda>> {
    check(buffer, shape.0 * shape.1)?;
    let tensor: Tensor<(usize, usize), f32, Cuda> = device.try_zeros_like(&shape).map_err(failed)?;
    // The only way to memory of a tensor that dfdx's public items leave: its gradient becomes a tensor.
    let mut gradients = Gradients::<f32, Cuda>::leaky();
    let numbers = gradients.get_or_alloc_mut(&tensor).map_err(failed)?;
    let bytes = buffer.len() * size_of::<f32>();
    memory::copy(buffer.gpu(), buffer.address(), Address::new(*numbers.device_ptr_mut()), bytes)?;
    Ok(gradients.get(&tensor))
}

/// Copies dfdx's numbers into a buffer of the same length.
pub(super) fn read_gradient(gradient: &Numbers, into: &mut Buffer) -> Result<()> {
    check(into, gradient.len())?;
    let bytes = into.len() * size_of::<f32>();
    memory::copy(into.gpu(), Address::new(*gradient.device_ptr()), into.address(), bytes)
}

fn check(buffer: &Buffer, length: usize) -> Result<()> {
    if buffer.len() == length {
        return Ok(());
    }
    Err(Error::bug(format!("a buffer of {} numbers for {length} of dfdx", buffer.len())))
}

/// dfdx fails for want of memory or by its driver.
pub(super) fn failed(error: impl Display) -> Error {
    Error::stage(format!("dfdx: {error}")).help("use a smaller batch if the GPU has run out of memory")
}
