//! Images on their way to the device, beside the computation.
//!
//! They arrive as the augmentation left them, in 32 bits; bytes would be fewer but can only hold images before
//! their colors are normalized, which the augmentation does. Rayon's threads round them to the map's precision while
//! they fill pinned memory, so half the bytes cross the bus for bfloat16. A stream of its own carries them to a landing
//! block while the compute stream still works on the step before: a forward pass only queues. From there the compute
//! stream takes them into a map.

use super::buffer::Map;
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

/// Numbers that a thread rounds at a time.
const CHUNK: usize = 1 << 16;

/// Pinned memory, the landing block, and the stream between them.
#[derive(Debug)]
pub(super) struct Staging {
    context: Arc<CudaContext>,
    transfer: Arc<CudaStream>,
    pinned: Option<PinnedHostSlice<u8>>,
    landing: Option<Memory>,
    /// The landing block holds the last images; pinned memory may be written again.
    landed: CudaEvent,
    /// The compute stream has taken them; the landing block may be written again.
    taken: CudaEvent,
}

impl Staging {
    /// Blocks are allocated with the first images.
    pub(super) fn new(context: &Arc<CudaContext>) -> Result<Self> {
        Ok(Self {
            context: context.clone(),
            transfer: context.new_stream().checked("cuStreamCreate")?,
            pinned: None,
            landing: None,
            landed: context.new_event(None).checked("cuEventCreate")?,
            taken: context.new_event(None).checked("cuEventCreate")?,
        })
    }

    /// A map of the given numbers; returns before they have crossed.
    pub(super) fn upload(&mut self, gpu: &Arc<Gpu>, values: &[f32], precision: Precision) -> Result<Map> {
        let map = Map::new(gpu, values.len(), precision)?;
        let bytes = map.bytes();
        let pinned = self.filled(values, precision, bytes)?;
        self.make_landing(gpu, bytes)?;
        let Some(landing) = self.landing.as_ref().map(Memory::address) else { return Ok(map) };
        self.transfer.wait(&self.taken).checked("cuStreamWaitEvent")?;
        // SAFETY: pinned memory and the landing block are at least that long and live as long as this; neither is
        // written before the events that follow.
        unsafe {
            let pinned = std::slice::from_raw_parts(pinned, bytes);
            result::memcpy_htod_async(landing.place(), pinned, self.transfer.cu_stream())
        }
        .checked("cuMemcpyHtoDAsync")?;
        self.landed.record(&self.transfer).checked("cuEventRecord")?;
        gpu.stream.wait(&self.landed).checked("cuStreamWaitEvent")?;
        memory::copy(gpu, landing, map.address(), bytes)?;
        self.taken.record(&gpu.stream).checked("cuEventRecord")?;
        Ok(map)
    }

    /// Pinned memory with the numbers in the given precision.
    fn filled(&mut self, values: &[f32], precision: Precision, bytes: usize) -> Result<*const u8> {
        self.landed.synchronize().checked("cuEventSynchronize")?;
        if self.pinned.as_ref().is_none_or(|pinned| pinned.len() < bytes) {
            self.pinned = None;
            // SAFETY: it is written below before anything reads it; bytes have no invalid values.
            let pinned = unsafe { self.context.alloc_pinned::<u8>(bytes.max(1)) };
            self.pinned = Some(pinned.checked("cuMemHostAlloc")?);
        }
        let Some(pinned) = &mut self.pinned else { return Ok(std::ptr::null()) };
        let place = pinned.as_mut_ptr().checked("cuEventSynchronize")?;
        // SAFETY: the block has at least as many bytes and is aligned to a page. No transfer reads it: the last one was
        // waited for.
        unsafe {
            match precision {
                Precision::F32 | Precision::Tf32 => {
                    fill(std::slice::from_raw_parts_mut(place.cast(), values.len()), values);
                }
                Precision::Bf16 => round(std::slice::from_raw_parts_mut(place.cast(), values.len()), values),
            }
        }
        Ok(place)
    }

    /// Makes the landing block hold at least so many bytes.
    fn make_landing(&mut self, gpu: &Gpu, bytes: usize) -> Result<()> {
        if self.landing.as_ref().is_some_and(|landing| landing.bytes() >= bytes) {
            return Ok(());
        }
        self.landing = None;
        self.landing = Some(Memory::new(gpu, bytes)?);
        // The block comes in the order of the compute stream, which the transfer stream waits for.
        self.taken.record(&gpu.stream).checked("cuEventRecord")
    }
}

fn fill(into: &mut [f32], values: &[f32]) {
    into.par_chunks_mut(CHUNK).zip(values.par_chunks(CHUNK)).for_each(|(into, values)| into.copy_from_slice(values));
}

/// To the nearest, ties to even.
fn round(into: &mut [bf16], values: &[f32]) {
    into.par_chunks_mut(CHUNK)
        .zip(values.par_chunks(CHUNK))
        .for_each(|(into, values)| into.convert_from_f32_slice(values));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_as_on_the_cpu() {
        let values: Vec<f32> = (0..CHUNK + 100).map(|i| (i as f32 - 30000.0) / 777.0).chain([f32::NAN]).collect();
        let mut halves = vec![bf16::ZERO; values.len()];
        round(&mut halves, &values);
        let cpu = crate::nn::Backend::upload_map(&dfdx::prelude::Cpu::default(), values, Precision::Bf16).unwrap();
        let crate::nn::CpuMap::Half(expected) = cpu else { panic!("bfloat16 was asked for") };
        let bits = |numbers: &[bf16]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&halves), bits(&expected));
    }
}
