//! Device memory from the driver's stream-ordered pool, which reuses freed blocks.

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
/// It is allocated and freed in the order of the compute stream: work queued before the drop may still use it.
pub(super) struct Memory {
    block: CudaSlice<u8>,
    raw: u64,
}

impl Memory {
    /// Allocates a block with arbitrary content.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(super) fn new(gpu: &Gpu, bytes: usize) -> Result<Self> {
        // SAFETY: every user writes before it reads, on the stream of the allocation.
        let allocate = || unsafe { gpu.stream.alloc::<u8>(bytes.max(1)) };
        let mut block = allocate();
        if matches!(block, Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY))) {
            // Freed blocks that are too small for this one may lie where it fits.
            gpu.trim_pool()?;
            block = allocate();
        }
        let block = block.map_err(|error| match error {
            DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY) => exhausted(bytes as u64, gpu),
            other => Err::<(), _>(other).checked("cuMemAllocAsync").err().unwrap_or_else(|| exhausted(0, gpu)),
        })?;
        let raw = block.device_ptr(&gpu.stream).0;
        Ok(Self { block, raw })
    }

    /// Allocates a block of zeros.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(super) fn zeros(gpu: &Gpu, bytes: usize) -> Result<Self> {
        let memory = Self::new(gpu, bytes)?;
        // SAFETY: the block is that long.
        unsafe { result::memset_d8_async(memory.raw, 0, bytes, gpu.stream.cu_stream()) }.checked("cuMemsetD8Async")?;
        Ok(memory)
    }

    /// Returns its address.
    pub(super) fn address(&self) -> Address<'_> {
        Address::new(self.raw)
    }

    /// Returns its length, bytes.
    pub(super) fn bytes(&self) -> usize {
        self.block.len()
    }

    /// Copies values from the host; `values` may be changed once this returns.
    pub(super) fn write<T: bytemuck::NoUninit>(&mut self, gpu: &Gpu, values: &[T]) -> Result<()> {
        let values: &[u8] = bytemuck::cast_slice(values);
        self.check(values.len())?;
        gpu.bind()?;
        // SAFETY: the block is long enough, and `values` are borrowed until the synchronization below.
        unsafe { result::memcpy_htod_async(self.raw, values, gpu.stream.cu_stream()) }.checked("cuMemcpyHtoDAsync")?;
        // Whether the driver has read memory that is not pinned when the copy returns is not documented.
        gpu.synchronize()
    }

    /// Copies values to the host after all queued work has finished.
    pub(super) fn read<T: bytemuck::AnyBitPattern + bytemuck::NoUninit>(
        &self,
        gpu: &Gpu,
        into: &mut [T],
    ) -> Result<()> {
        let into: &mut [u8] = bytemuck::cast_slice_mut(into);
        self.check(into.len())?;
        gpu.bind()?;
        // SAFETY: the block is long enough, and `into` is not accessed before the synchronization below.
        unsafe { result::memcpy_dtoh_async(into, self.raw, gpu.stream.cu_stream()) }.checked("cuMemcpyDtoHAsync")?;
        gpu.synchronize()
    }

    fn check(&self, bytes: usize) -> Result<()> {
        if bytes <= self.bytes() {
            return Ok(());
        }
        Err(Error::bug(format!("{bytes} bytes do not fit into a block of {}", self.bytes())))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // The block is freed on the null stream of the thread's current context, which may be none or another device's.
        let context = self.block.context();
        if let Err(earlier) = context.bind_to_thread() {
            // It may only have reported an error of an earlier drop, and then has not bound; the next call reports it.
            let _ = context.bind_to_thread();
            context.record_err::<()>(Err(earlier));
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes)", self.bytes())
    }
}

/// Copies `bytes` within the device, in the order of the compute stream.
///
/// # Errors
/// The driver fails.
pub(super) fn copy(gpu: &Gpu, from: Address<'_>, into: Address<'_>, bytes: usize) -> Result<()> {
    gpu.bind()?;
    // SAFETY: both blocks live, and are that long by the callers' contract; device memory holds no Rust values.
    unsafe { result::memcpy_dtod_async(into.raw(), from.raw(), bytes, gpu.stream.cu_stream()) }
        .checked("cuMemcpyDtoDAsync")
}

fn exhausted(requested: u64, gpu: &Gpu) -> Error {
    let (free, total) = gpu.memory().unwrap_or_default();
    out_of_memory(requested, free, total)
}

/// Returns the error for a failed allocation of `requested` bytes.
fn out_of_memory(requested: u64, free: u64, total: u64) -> Error {
    let mib = |bytes: u64| bytes.div_ceil(MIB);
    Error::stage(format!(
        "the GPU is out of memory: {} MiB requested, {} of {} MiB free",
        mib(requested),
        free / MIB,
        mib(total)
    ))
    .help(
        "use a smaller batch, smaller images or `precision = \"bf16\"`, or stop the other processes on the GPU \
         (`nvidia-smi`)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_of_memory_reports_requested_and_free_memory() {
        let error = out_of_memory(5 * MIB + 1, 3 * MIB, 80 << 30);
        assert_eq!(error.what(), "the GPU is out of memory: 6 MiB requested, 3 of 81920 MiB free");
        assert!(error.next_step().is_some_and(|help| help.contains("smaller batch")));
    }
}
