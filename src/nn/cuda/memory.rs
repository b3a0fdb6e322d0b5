//! Device memory, from the driver's stream-ordered pool: freed blocks are kept and taken again.

use super::address::Address;
use super::gpu::Gpu;
use super::status::Checked;
use crate::base::{Error, Result};
use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaSlice, DevicePtr, DriverError, result};
use std::fmt;

const MIB: u64 = 1 << 20;

/// A block of device memory, aligned to 256 bytes.
///
/// It comes and goes in the order of the compute stream: what was queued before it is dropped may still use it.
pub(super) struct Memory {
    block: CudaSlice<u8>,
    place: u64,
}

impl Memory {
    /// A block with any content.
    ///
    /// # Errors
    /// The device has no memory left.
    pub(super) fn new(gpu: &Gpu, bytes: usize) -> Result<Self> {
        // SAFETY: every taker writes before it reads, on the stream of the allocation.
        let block = unsafe { gpu.stream.alloc::<u8>(bytes.max(1)) };
        let block = block.map_err(|error| match error {
            DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY) => exhausted(bytes as u64, gpu),
            other => Err::<(), _>(other).checked("cuMemAllocAsync").err().unwrap_or_else(|| exhausted(0, gpu)),
        })?;
        let place = block.device_ptr(&gpu.stream).0;
        Ok(Self { block, place })
    }

    /// A block of zeros.
    ///
    /// # Errors
    /// The device has no memory left.
    pub(super) fn zeros(gpu: &Gpu, bytes: usize) -> Result<Self> {
        let memory = Self::new(gpu, bytes)?;
        // SAFETY: the block is that long.
        unsafe { result::memset_d8_async(memory.place, 0, bytes, gpu.stream.cu_stream()) }
            .checked("cuMemsetD8Async")?;
        Ok(memory)
    }

    /// Where it lies.
    pub(super) fn address(&self) -> Address<'_> {
        Address::new(self.place)
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> usize {
        self.block.len()
    }

    /// Copies numbers from the host; returns when they are there or in the driver's hands.
    pub(super) fn write<T: bytemuck::NoUninit>(&mut self, gpu: &Gpu, values: &[T]) -> Result<()> {
        let values: &[u8] = bytemuck::cast_slice(values);
        self.check(values.len())?;
        gpu.bind()?;
        // SAFETY: the block is long enough. From memory that is not pinned the driver copies before it returns.
        unsafe { result::memcpy_htod_async(self.place, values, gpu.stream.cu_stream()) }.checked("cuMemcpyHtoDAsync")
    }

    /// Copies numbers to the host when the device has done what was queued.
    pub(super) fn read<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(
        &self,
        gpu: &Gpu,
        into: &mut [T],
    ) -> Result<()> {
        let into: &mut [u8] = bytemuck::cast_slice_mut(into);
        self.check(into.len())?;
        gpu.bind()?;
        // SAFETY: the block is long enough, and `into` is not touched before the stream has been waited for.
        unsafe { result::memcpy_dtoh_async(into, self.place, gpu.stream.cu_stream()) }.checked("cuMemcpyDtoHAsync")?;
        gpu.stream.synchronize().checked("cuStreamSynchronize")
    }

    fn check(&self, bytes: usize) -> Result<()> {
        if bytes <= self.bytes() {
            return Ok(());
        }
        Err(Error::bug(format!("{bytes} bytes do not fit a block of {}", self.bytes())))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes)", self.bytes())
    }
}

/// Copies `bytes` on the device, in the order of the compute stream.
///
/// # Errors
/// The driver fails.
pub(super) fn copy(gpu: &Gpu, from: Address<'_>, into: Address<'_>, bytes: usize) -> Result<()> {
    gpu.bind()?;
    // SAFETY: both blocks live, and are that long by the callers' contract; device memory holds no Rust values.
    unsafe { result::memcpy_dtod_async(into.place(), from.place(), bytes, gpu.stream.cu_stream()) }
        .checked("cuMemcpyDtoDAsync")
}

fn exhausted(asked: u64, gpu: &Gpu) -> Error {
    let (free, total) = gpu.memory().unwrap_or_default();
    out_of_memory(asked, free, total)
}

/// The device has no block of `asked` bytes.
fn out_of_memory(asked: u64, free: u64, total: u64) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    Error::stage(format!(
        "the GPU is out of memory: {} MiB were asked for, {} of {} MiB are free",
        mib(asked),
        free / MIB,
        mib(total)
    ))
    .help(
        "use a smaller batch, smaller images or `precision = \"bf16\"`, or end what else runs on the GPU \
         (`nvidia-smi`)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_says_what_was_asked_and_is_free() {
        let error = out_of_memory(5 * MIB + 1, 3 * MIB, 80 << 30);
        assert_eq!(error.what(), "the GPU is out of memory: 6 MiB were asked for, 3 of 81920 MiB are free");
        assert!(error.next_step().is_some_and(|help| help.contains("smaller batch")));
    }
}
