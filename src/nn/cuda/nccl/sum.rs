//! Sums of buffers over ranks, on the device and along a fixed tree: each rank adds an equal piece of the vector, as
//! `group::exchange` does on the host.

use super::communicator::Communicator;
use crate::base::Result;
use crate::group::TreeSum;
use crate::nn::cuda::address::Address;
use crate::nn::cuda::buffer::Buffer;
use crate::nn::cuda::gpu::Gpu;
use crate::nn::cuda::grid::{Grid, THREADS};
use crate::nn::cuda::kernels;
use crate::nn::cuda::memory::{self, Memory};
use std::ops::Range;
use std::sync::Arc;

/// Elements that are summed at once, so that memory beside the gradients stays small: 16 MiB, twice.
const BUCKET: usize = 1 << 22;
/// Pieces are aligned to vectors of four elements, which are copied faster.
const ALIGNMENT: usize = 4;

/// Replaces buffers by their sums over the ranks that are `present`; all ranks have buffers of the same lengths.
///
/// # Errors
/// NCCL or the device fails, or the device is out of memory.
pub(super) fn sum(gpu: &Arc<Gpu>, communicator: &Communicator, present: &[bool], buffers: &mut [Buffer]) -> Result<()> {
    let lengths: Vec<usize> = buffers.iter().map(Buffer::len).collect();
    let total: usize = lengths.iter().sum();
    let bytes = piece(total.min(BUCKET), present.len()) * present.len() * size_of::<f32>();
    let (packed, received) = (Memory::new(gpu, bytes)?, Memory::new(gpu, bytes)?);
    for start in (0..total).step_by(BUCKET) {
        let bucket = start..total.min(start + BUCKET);
        let piece = piece(bucket.len(), present.len());
        let spans = spans(&lengths, &bucket);
        for span in &spans {
            let from = buffers[span.buffer].address().offset(span.begin);
            memory::copy(gpu, from, packed.address().offset(span.packed), span.bytes)?;
        }
        communicator.exchange(gpu, packed.address(), received.address(), piece)?;
        match add_pieces(gpu, present, received.address(), piece)? {
            Some(sum) => communicator.all_gather(gpu, sum, packed.address(), piece)?,
            None => {
                let zeros = Memory::zeros(gpu, piece * size_of::<f32>())?;
                communicator.all_gather(gpu, zeros.address(), packed.address(), piece)?;
            }
        }
        for span in &spans {
            let into = buffers[span.buffer].address_mut().offset(span.begin);
            memory::copy(gpu, packed.address().offset(span.packed), into, span.bytes)?;
        }
    }
    Ok(())
}

/// Returns the number of elements of a bucket that each rank adds.
fn piece(length: usize, ranks: usize) -> usize {
    length.div_ceil(ranks).next_multiple_of(ALIGNMENT)
}

/// Adds the pieces of the ranks that are present in place; returns where the sum is, if there is one.
fn add_pieces<'a>(gpu: &Gpu, present: &[bool], received: Address<'a>, piece: usize) -> Result<Option<Address<'a>>> {
    let grid = Grid::over(piece, THREADS)?;
    let pieces = present.iter().enumerate();
    let pieces = pieces.map(|(rank, present)| present.then(|| received.offset(rank * piece * size_of::<f32>())));
    TreeSum::of(pieces, |left, right| kernels::add(gpu, grid, right, piece as i64, *left))
}

/// A part of a buffer in a bucket; positions and length in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    buffer: usize,
    begin: usize,
    packed: usize,
    bytes: usize,
}

/// Returns the parts of buffers of these lengths, one after the other, that a bucket of elements has.
fn spans(lengths: &[usize], bucket: &Range<usize>) -> Vec<Span> {
    let (mut spans, mut start) = (Vec::new(), 0);
    for (buffer, length) in lengths.iter().enumerate() {
        let (begin, end) = (bucket.start.max(start), bucket.end.min(start + length));
        if begin < end {
            let [begin, packed, bytes] =
                [begin - start, begin - bucket.start, end - begin].map(|elements| elements * size_of::<f32>());
            spans.push(Span { buffer, begin, packed, bytes });
        }
        start += length;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_have_every_element_once() {
        let span = |buffer, begin, packed, bytes| Span { buffer, begin, packed, bytes };
        let lengths = [3, 0, 5, 2];
        assert_eq!(spans(&lengths, &(0..4)), [span(0, 0, 0, 12), span(2, 0, 12, 4)]);
        assert_eq!(spans(&lengths, &(4..8)), [span(2, 4, 0, 16)]);
        assert_eq!(spans(&lengths, &(8..10)), [span(3, 0, 0, 8)]);
        assert!(spans(&[], &(0..0)).is_empty());
    }

    #[test]
    fn pieces_are_aligned_and_cover_the_bucket() {
        for (length, ranks) in [(1, 4), (10, 2), (64, 8), (BUCKET, 8), (BUCKET - 1, 2)] {
            let piece = piece(length, ranks);
            assert!(piece * ranks >= length && piece.is_multiple_of(ALIGNMENT), "{length} on {ranks}");
        }
    }
}
