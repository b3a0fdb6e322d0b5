//! Uploads of images to the device that overlap with computation.
//!
//! Images come from the augmentation in f32; 8-bit images would be smaller, but the augmentation normalizes the colors.
//! Rayon's threads round them to the precision of the map while filling pinned memory, so that bf16 halves the
//! transfer. A separate stream copies them to a landing block while the compute stream still executes the previous
//! step: a forward pass only queues work. The compute stream then copies them into a map, where it pads the pixels.

use super::buffer::{Map, Padding};
use super::convolution;
use super::gpu::Gpu;
use super::memory::{self, Memory};
use super::status::Checked;
use crate::base::Result;
use crate::nn::Precision;
use cudarc::driver::{CudaContext, CudaEvent, CudaStream, PinnedHostSlice, result};
use half::bf16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use std::sync::Arc;

/// Elements that one task rounds.
const CHUNK: usize = 1 << 16;

/// Pinned memory, the landing block on the device, and the transfer stream.
#[derive(Debug)]
pub(super) struct Staging {
    context: Arc<CudaContext>,
    transfer: Arc<CudaStream>,
    pinned: Option<PinnedHostSlice<u8>>,
    landing: Option<Memory>,
    /// Recorded when the last images are in the landing block: pinned memory may be overwritten.
    landed: CudaEvent,
    /// Recorded when the compute stream has copied them: the landing block may be overwritten.
    copied: CudaEvent,
}

impl Staging {
    /// Creates the stream and the events; the first upload allocates the blocks.
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self> {
        Ok(Self {
            context: context.clone(),
            transfer: context.new_stream().checked("cuStreamCreate")?,
            pinned: None,
            landing: None,
            landed: context.new_event(None).checked("cuEventCreate")?,
            copied: context.new_event(None).checked("cuEventCreate")?,
        })
    }

    /// Copies values into a new map, with padding if any; returns before the transfer has finished.
    pub(super) fn upload(
        &mut self,
        gpu: &Arc<Gpu>,
        values: &[f32],
        precision: Precision,
        padding: Option<Padding>,
    ) -> Result<Map> {
        let map = Map::new(gpu, values.len(), precision, padding)?;
        let bytes = values.len() * precision.bytes() as usize;
        let pinned = self.fill_pinned(values, precision, bytes)?;
        self.reserve_landing(gpu, bytes)?;
        let Some(landing) = self.landing.as_ref().map(Memory::address) else { return Ok(map) };
        self.transfer.wait(&self.copied).checked("cuStreamWaitEvent")?;
        // SAFETY: pinned memory and the landing block are at least that long and live as long as `self`; neither is
        // overwritten before the events recorded below.
        unsafe {
            let pinned = std::slice::from_raw_parts(pinned, bytes);
            result::memcpy_htod_async(landing.raw(), pinned, self.transfer.cu_stream())
        }
        .checked("cuMemcpyHtoDAsync")?;
        self.landed.record(&self.transfer).checked("cuEventRecord")?;
        gpu.stream.wait(&self.landed).checked("cuStreamWaitEvent")?;
        match padding {
            Some(padding) => convolution::pad(gpu, precision, landing, values.len(), padding, map.address())?,
            None => memory::copy(gpu, landing, map.address(), bytes)?,
        }
        self.copied.record(&gpu.stream).checked("cuEventRecord")?;
        Ok(map)
    }

    /// Fills pinned memory with the values in the given precision.
    fn fill_pinned(&mut self, values: &[f32], precision: Precision, bytes: usize) -> Result<*const u8> {
        self.landed.synchronize().checked("cuEventSynchronize")?;
        if self.pinned.as_ref().is_none_or(|pinned| pinned.len() < bytes) {
            self.pinned = None;
            // SAFETY: it is written below before anything reads it; bytes have no invalid values.
            let pinned = unsafe { self.context.alloc_pinned::<u8>(bytes.max(1)) };
            self.pinned = Some(pinned.checked("cuMemHostAlloc")?);
        }
        let Some(pinned) = &mut self.pinned else { return Ok(std::ptr::null()) };
        let start = pinned.as_mut_ptr().checked("cuEventSynchronize")?;
        // SAFETY: the block has at least as many bytes and is page-aligned. No transfer reads it: the last one has
        // finished.
        unsafe {
            match precision {
                Precision::F32 | Precision::Tf32 => {
                    fill(std::slice::from_raw_parts_mut(start.cast(), values.len()), values);
                }
                Precision::Bf16 => round(std::slice::from_raw_parts_mut(start.cast(), values.len()), values),
            }
        }
        Ok(start)
    }

    /// Makes the landing block at least `bytes` long.
    fn reserve_landing(&mut self, gpu: &Gpu, bytes: usize) -> Result<()> {
        if self.landing.as_ref().is_some_and(|landing| landing.bytes() >= bytes) {
            return Ok(());
        }
        self.landing = None;
        self.landing = Some(Memory::new(gpu, bytes)?);
        // The allocation is ordered on the compute stream, for which the transfer stream waits.
        self.copied.record(&gpu.stream).checked("cuEventRecord")
    }
}

fn fill(into: &mut [f32], values: &[f32]) {
    into.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(into, values)| into.copy_from_slice(values));
}

/// Rounds to nearest, ties to even.
fn round(into: &mut [bf16], values: &[f32]) {
    into.par_chunks_mut(CHUNK)
        .zip(values.par_chunks(CHUNK))
        .for_each(|(into, values)| into.convert_from_f32_slice(values));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_as_on_the_cpu() {
        let values: Vec<f32> = (0..CHUNK + 100).map(|i| (i as f32 - 30000.0) / 777.0).chain([f32::NAN]).collect();
        let mut rounded = vec![bf16::ZERO; values.len()];
        round(&mut rounded, &values);
        let cpu = crate::nn::Backend::upload_map(&dfdx::prelude::Cpu::default(), values, Precision::Bf16).unwrap();
        let crate::nn::CpuMap::Bf16(expected) = cpu else { panic!("expected a bf16 map") };
        let bits = |values: &[bf16]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&rounded), bits(&expected));
    }
}
