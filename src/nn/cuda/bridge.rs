//! Between dfdx's tensors and our buffers, on the device.

use super::address::Address;
use super::buffer::Buffer;
use super::gpu::Gpu;
use super::memory;
use crate::base::{Error, Result};
use dfdx::prelude::*;
use dfdx_cudarc::driver::{DevicePtr, DevicePtrMut, DeviceSlice};
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
pub(super) fn to_tensor(
    device: &Cuda,
    buffer: &Buffer,
    shape: (usize, usize),
) -> Result<Tensor<(usize, usize), f32, Cuda>> {
    check(buffer, shape.0 * shape.1)?;
    let tensor: Tensor<(usize, usize), f32, Cuda> = device.try_zeros_like(&shape).map_err(failed)?;
    // The only way to memory of a tensor that dfdx's public items leave: its gradient becomes a tensor.
    let mut gradients = Gradients::<f32, Cuda>::leaky();
    write(buffer, gradients.get_or_alloc_mut(&tensor).map_err(failed)?)?;
    Ok(gradients.get(&tensor))
}

/// A buffer with the numbers of a dfdx tensor, which must lie one behind the other.
pub(crate) fn from_tensor(tensor: &Tensor<(usize, usize), f32, Cuda>) -> Result<Buffer> {
    let (rows, width) = *tensor.shape();
    let zeros = Storage::<f32>::try_alloc_len(tensor.device(), rows * width).map_err(failed)?;
    let mut numbers = zeros.clone();
    // The only way that dfdx's public items leave: `velocity = 0 * velocity + 0 + 1 * parameter`.
    let copy = SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(0.0)), weight_decay: Some(WeightDecay::L2(1.0)) };
    copy.try_update(&mut tensor.clone(), &mut numbers, &zeros).map_err(failed)?;
    let mut buffer = Buffer::new(&gpu_of(tensor.device())?, rows * width)?;
    read_gradient(&numbers, &mut buffer)?;
    Ok(buffer)
}

/// dfdx's memory with a buffer's numbers.
pub(crate) fn to_numbers(device: &Cuda, buffer: &Buffer) -> Result<Numbers> {
    let mut numbers: Numbers = Storage::<f32>::try_alloc_len(device, buffer.len()).map_err(failed)?;
    write(buffer, &mut numbers)?;
    Ok(numbers)
}

fn write(buffer: &Buffer, numbers: &mut Numbers) -> Result<()> {
    let bytes = buffer.len() * size_of::<f32>();
    memory::copy(buffer.gpu(), buffer.address(), Address::new(*numbers.device_ptr_mut()), bytes)
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
