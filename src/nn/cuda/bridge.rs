//! Copies between dfdx's tensors and our buffers on the device.

use super::address::Address;
use super::buffer::Buffer;
use super::failure;
use super::gpu::Gpu;
use super::memory;
use crate::base::{Error, Result};
use dfdx::prelude::*;
use dfdx_cudarc::driver::{DevicePtr, DevicePtrMut, DeviceSlice};
use std::fmt::Display;
use std::sync::Arc;

/// dfdx's device storage of f32.
type CudaStorage = <Cuda as Storage<f32>>::Vec;

/// Returns the [`Gpu`] of a dfdx device, whose ordinal is only accessible through an allocation.
pub(super) fn gpu_of(device: &Cuda) -> Result<Arc<Gpu>> {
    let allocation: CudaStorage = Storage::<f32>::try_alloc_len(device, 1).map_err(failed)?;
    Gpu::open(allocation.device().ordinal())
}

/// Copies a buffer into a new dfdx tensor.
pub(super) fn to_tensor(
    device: &Cuda,
    buffer: &Buffer,
    shape: (usize, usize),
) -> Result<Tensor<(usize, usize), f32, Cuda>> {
    check(buffer, shape.0 * shape.1)?;
    let tensor: Tensor<(usize, usize), f32, Cuda> = device.try_zeros_like(&shape).map_err(failed)?;
    // dfdx's public API gives write access to gradients only, so a gradient is filled and becomes the tensor.
    let mut gradients = Gradients::<f32, Cuda>::leaky();
    write(buffer, gradients.get_or_alloc_mut(&tensor).map_err(failed)?)?;
    Ok(gradients.get(&tensor))
}

/// Copies a contiguous dfdx tensor into a new buffer.
pub(crate) fn from_tensor(tensor: &Tensor<(usize, usize), f32, Cuda>) -> Result<Buffer> {
    let (rows, width) = *tensor.shape();
    let zeros = Storage::<f32>::try_alloc_len(tensor.device(), rows * width).map_err(failed)?;
    let mut storage = zeros.clone();
    // dfdx's public API gives no access to the storage of a tensor, but an SGD step copies it:
    // `velocity = 0 * velocity + 0 + 1 * parameter`.
    let copy = SgdConfig { lr: 0.0, momentum: Some(Momentum::Classic(0.0)), weight_decay: Some(WeightDecay::L2(1.0)) };
    copy.try_update(&mut tensor.clone(), &mut storage, &zeros).map_err(failed)?;
    let mut buffer = Buffer::new(&gpu_of(tensor.device())?, rows * width)?;
    read_gradient(&storage, &mut buffer)?;
    Ok(buffer)
}

/// Copies a buffer into new dfdx storage.
pub(crate) fn to_storage(device: &Cuda, buffer: &Buffer) -> Result<CudaStorage> {
    let mut storage: CudaStorage = Storage::<f32>::try_alloc_len(device, buffer.len()).map_err(failed)?;
    write(buffer, &mut storage)?;
    Ok(storage)
}

fn write(buffer: &Buffer, storage: &mut CudaStorage) -> Result<()> {
    let bytes = buffer.len() * size_of::<f32>();
    memory::copy(buffer.gpu(), buffer.address(), Address::new(*storage.device_ptr_mut()), bytes)
}

/// Copies dfdx storage into a buffer of the same length.
pub(super) fn read_gradient(gradient: &CudaStorage, into: &mut Buffer) -> Result<()> {
    check(into, gradient.len())?;
    let bytes = into.len() * size_of::<f32>();
    let gpu = into.gpu().clone();
    memory::copy(&gpu, Address::new(*gradient.device_ptr()), into.address_mut(), bytes)
}

fn check(buffer: &Buffer, length: usize) -> Result<()> {
    if buffer.len() == length {
        return Ok(());
    }
    Err(Error::bug(format!("a buffer of {} elements for a dfdx tensor of {length}", buffer.len())))
}

/// Converts an error of dfdx, which runs out of memory or fails in the driver.
pub(super) fn failed(error: impl Display) -> Error {
    failure::last().unwrap_or_else(|| {
        Error::stage(format!("dfdx: {error}")).help("use a smaller batch if the GPU has run out of memory")
    })
}
