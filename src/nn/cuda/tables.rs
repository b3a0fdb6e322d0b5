//! All parameters of a network in one launch: tables of where they lie, and the optimizers' kernels over them.

use super::buffer::{Buffer, int};
use super::gpu::Gpu;
use super::grid::Grid;
use super::kernels;
use super::memory::Memory;
use super::parameter::AdamStep;
use crate::base::{Error, Result};
use std::sync::Arc;

/// Numbers of a chunk, `CHUNK` of `tensors.cuh`.
const CHUNK: usize = 8192;

/// Tables that are kept: those of a training are few, as its parameters stay where they are.
const KEPT: usize = 8;

/// One parameter with what an optimizer needs of it, all of the same length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter<'a> {
    pub(crate) values: &'a Buffer,
    pub(crate) gradient: &'a Buffer,
    /// At most two state vectors.
    pub(crate) state: &'a [Buffer],
    pub(crate) decays: bool,
}

/// The tables of some parameters on their device.
#[derive(Debug)]
pub(crate) struct Tables {
    /// What they hold; the parameters' places and lengths.
    rows: Vec<u64>,
    tensors: Memory,
    chunks: Memory,
    count: usize,
}

/// Parameters on a device, to be stepped together.
#[derive(Debug)]
pub(crate) struct Sweep {
    gpu: Arc<Gpu>,
    tables: Arc<Tables>,
}

impl Sweep {
    /// Over the given parameters; none would leave nothing to launch.
    ///
    /// # Errors
    /// There are no parameters, or memory is short.
    pub(crate) fn over(parameters: &[Parameter<'_>]) -> Result<Self> {
        let first = parameters.first().ok_or_else(|| Error::bug("an optimizer without parameters"))?;
        let gpu = first.values.gpu().clone();
        let rows = rows(parameters)?;
        let mut kept = gpu.tables()?;
        if let Some(tables) = kept.iter().find(|tables| tables.rows == rows) {
            let tables = tables.clone();
            drop(kept);
            return Ok(Self { gpu, tables });
        }
        let tables = Arc::new(Tables::new(&gpu, rows, &chunks(parameters)?)?);
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(tables.clone());
        drop(kept);
        Ok(Self { gpu, tables })
    }

    /// Euclidean length of all gradients together; waits for it.
    pub(crate) fn gradient_norm(&self) -> Result<f64> {
        let Tables { tensors, chunks, count, .. } = &*self.tables;
        let sums = Memory::new(&self.gpu, count * size_of::<f64>())?;
        let total = Memory::new(&self.gpu, size_of::<f64>())?;
        let (tensors, chunks, count) = (tensors.address(), chunks.address(), int(*count)?);
        kernels::square_sums(&self.gpu, self.grid()?, tensors, chunks, count, sums.address())?;
        kernels::square_sums_merge(&self.gpu, Grid::row(1)?, sums.address(), count, total.address())?;
        let mut squares = [0.0f64];
        total.read(&self.gpu, &mut squares)?;
        Ok(squares[0].sqrt())
    }

    /// Multiplies every gradient.
    pub(crate) fn scale_gradients(&self, factor: f32) -> Result<()> {
        let Tables { tensors, chunks, count, .. } = &*self.tables;
        kernels::scale_gradients(&self.gpu, self.grid()?, tensors.address(), chunks.address(), int(*count)?, factor)
    }

    /// A step of SGD.
    pub(crate) fn sgd(&self, rate: f32, momentum: f32, decay: f32, nesterov: bool) -> Result<()> {
        let Tables { tensors, chunks, count, .. } = &*self.tables;
        kernels::sgd(
            &self.gpu,
            self.grid()?,
            tensors.address(),
            chunks.address(),
            int(*count)?,
            rate,
            momentum,
            decay,
            i32::from(nesterov),
        )
    }

    /// A step of Adam or AdamW.
    pub(crate) fn adam(&self, step: AdamStep) -> Result<()> {
        let Tables { tensors, chunks, count, .. } = &*self.tables;
        kernels::adam(&self.gpu, self.grid()?, tensors.address(), chunks.address(), int(*count)?, step)
    }

    /// A step of LARS.
    pub(crate) fn lars(&self, rate: f64, momentum: f32, decay: f32, trust: f64) -> Result<()> {
        let Tables { tensors, chunks, count, .. } = &*self.tables;
        // Two sums for each chunk.
        let squares = Memory::new(&self.gpu, 2 * count * size_of::<f64>())?;
        let (tensors, chunks, count) = (tensors.address(), chunks.address(), int(*count)?);
        kernels::lars_squares(&self.gpu, self.grid()?, tensors, chunks, count, decay, squares.address())?;
        let squares = squares.address();
        kernels::lars(&self.gpu, self.grid()?, tensors, chunks, count, decay, squares, rate, trust, momentum)
    }

    fn grid(&self) -> Result<Grid> {
        Grid::row(self.tables.count)
    }
}

impl Tables {
    fn new(gpu: &Gpu, rows: Vec<u64>, of_chunks: &[[i32; 2]]) -> Result<Self> {
        let mut tensors = Memory::new(gpu, size_of_val(&*rows))?;
        tensors.write(gpu, &rows)?;
        let mut chunks = Memory::new(gpu, size_of_val(of_chunks))?;
        chunks.write(gpu, of_chunks)?;
        Ok(Self { rows, tensors, chunks, count: of_chunks.len() })
    }
}

/// The table of tensors, six words each: `Tensor` of `tensors.cuh`.
fn rows(parameters: &[Parameter<'_>]) -> Result<Vec<u64>> {
    let mut first_chunk = 0;
    let mut rows = Vec::with_capacity(6 * parameters.len());
    for parameter in parameters {
        let length = parameter.values.len();
        let [first, second] = [0, 1].map(|i| parameter.state.get(i).map_or(0, |state| state.address().place()));
        let places = [parameter.values.address().place(), parameter.gradient.address().place(), first, second];
        rows.extend(row(places, length, int(first_chunk)?, parameter.decays));
        first_chunk += length.div_ceil(CHUNK);
    }
    Ok(rows)
}

fn row(places: [u64; 4], length: usize, first_chunk: i32, decays: bool) -> [u64; 6] {
    let [values, gradient, first, second] = places;
    // Two ints in a word, the first in its lower half.
    let flags = u64::from(first_chunk.cast_unsigned()) | u64::from(decays) << 32;
    [values, gradient, first, second, length as u64, flags]
}

/// The table of chunks: tensor and part.
fn chunks(parameters: &[Parameter<'_>]) -> Result<Vec<[i32; 2]>> {
    chunks_of(parameters.iter().map(|parameter| parameter.values.len()))
}

fn chunks_of(lengths: impl Iterator<Item = usize>) -> Result<Vec<[i32; 2]>> {
    let mut chunks = Vec::new();
    for (tensor, length) in lengths.enumerate() {
        for part in 0..length.div_ceil(CHUNK) {
            chunks.push([int(tensor)?, int(part)?]);
        }
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_laid_out_as_the_kernels_read_them() {
        let words = row([1, 2, 3, 0], 20_000, 7, true);
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[32..40], 20_000i64.to_le_bytes());
        assert_eq!(bytes[40..44], 7i32.to_le_bytes());
        assert_eq!(bytes[44..48], 1i32.to_le_bytes());
    }

    #[test]
    fn chunks_cover_every_number_once() {
        let chunks = chunks_of([1, CHUNK, CHUNK + 1].into_iter()).unwrap();
        assert_eq!(chunks, [[0, 0], [1, 0], [2, 0], [2, 1]]);
    }

    #[test]
    fn a_chunk_is_as_long_as_the_kernels_say() {
        let header = include_str!("kernels/tensors.cuh");
        assert!(header.contains(&format!("constexpr int CHUNK = {CHUNK};")));
    }
}
