//! Multi-tensor launches: tables of the addresses of all parameters of a network, and the optimizer kernels over them.

use super::arguments::AdamStep;
use super::buffer::{Buffer, int};
use super::gpu::Gpu;
use super::grid::Grid;
use super::kernels;
use super::memory::Memory;
use crate::base::{Error, Result};
use std::sync::Arc;

/// Elements per chunk, `CHUNK` of `tensors.cuh`.
const CHUNK: usize = 8192;

/// Maximum number of cached tables. A training run needs few, since its parameters keep their addresses.
const MAX_CACHED_TABLES: usize = 8;

/// A parameter with its gradient and optimizer state, all of the same length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParameterTensors<'a> {
    pub(crate) values: &'a Buffer,
    pub(crate) gradient: &'a Buffer,
    /// At most two state vectors.
    pub(crate) state: &'a [Buffer],
    pub(crate) decays: bool,
}

/// The tables of a list of parameters in device memory.
#[derive(Debug)]
pub(crate) struct TensorTables {
    /// The content of the tensor table: the addresses and lengths of the parameters.
    rows: Vec<u64>,
    tensors: Memory,
    chunks: Memory,
    /// Number of chunks.
    count: usize,
}

/// A list of parameters on a device, updated by single launches.
#[derive(Debug)]
pub(crate) struct MultiTensor {
    gpu: Arc<Gpu>,
    tables: Arc<TensorTables>,
}

impl MultiTensor {
    /// Uploads the tables of the parameters unless they are cached.
    ///
    /// # Errors
    /// The list is empty, or the device is out of memory.
    pub(crate) fn new(parameters: &[ParameterTensors<'_>]) -> Result<Self> {
        let first = parameters.first().ok_or_else(|| Error::bug("an optimizer without parameters"))?;
        let gpu = first.values.gpu().clone();
        let rows = rows(parameters)?;
        let mut cached = gpu.tables()?;
        if let Some(tables) = cached.iter().find(|tables| tables.rows == rows) {
            let tables = tables.clone();
            drop(cached);
            return Ok(Self { gpu, tables });
        }
        let tables = Arc::new(TensorTables::new(&gpu, rows, &chunks(parameters)?)?);
        if cached.len() == MAX_CACHED_TABLES {
            cached.remove(0);
        }
        cached.push(tables.clone());
        drop(cached);
        Ok(Self { gpu, tables })
    }

    /// Returns the global L2 norm of the gradients; waits for the device.
    pub(crate) fn gradient_norm(&self) -> Result<f64> {
        let TensorTables { tensors, chunks, count, .. } = &*self.tables;
        let sums = Memory::new(&self.gpu, count * size_of::<f64>())?;
        let total = Memory::new(&self.gpu, size_of::<f64>())?;
        let (tensors, chunks, count) = (tensors.address(), chunks.address(), int(*count)?);
        kernels::square_sums(&self.gpu, self.grid()?, tensors, chunks, count, sums.address())?;
        kernels::square_sums_merge(&self.gpu, Grid::row(1)?, sums.address(), count, total.address())?;
        let mut squares = [0.0f64];
        total.read(&self.gpu, &mut squares)?;
        Ok(squares[0].sqrt())
    }

    /// Multiplies every gradient by `factor`.
    pub(crate) fn scale_gradients(&self, factor: f32) -> Result<()> {
        let TensorTables { tensors, chunks, count, .. } = &*self.tables;
        kernels::scale_gradients(&self.gpu, self.grid()?, tensors.address(), chunks.address(), int(*count)?, factor)
    }

    /// Takes a step of SGD.
    pub(crate) fn sgd(&self, rate: f32, momentum: f32, decay: f32, nesterov: bool) -> Result<()> {
        let TensorTables { tensors, chunks, count, .. } = &*self.tables;
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

    /// Takes a step of Adam or AdamW.
    pub(crate) fn adam(&self, step: AdamStep) -> Result<()> {
        let TensorTables { tensors, chunks, count, .. } = &*self.tables;
        kernels::adam(&self.gpu, self.grid()?, tensors.address(), chunks.address(), int(*count)?, step)
    }

    /// Takes a step of LARS.
    pub(crate) fn lars(&self, rate: f64, momentum: f32, decay: f32, trust: f64) -> Result<()> {
        let TensorTables { tensors, chunks, count, .. } = &*self.tables;
        // Two sums per chunk.
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

impl TensorTables {
    fn new(gpu: &Gpu, rows: Vec<u64>, of_chunks: &[[i32; 2]]) -> Result<Self> {
        let mut tensors = Memory::new(gpu, size_of_val(&*rows))?;
        tensors.write(gpu, &rows)?;
        let mut chunks = Memory::new(gpu, size_of_val(of_chunks))?;
        chunks.write(gpu, of_chunks)?;
        Ok(Self { rows, tensors, chunks, count: of_chunks.len() })
    }
}

/// Returns the table of tensors, six words each: `Tensor` of `tensors.cuh`.
fn rows(parameters: &[ParameterTensors<'_>]) -> Result<Vec<u64>> {
    let mut first_chunk = 0;
    let mut rows = Vec::with_capacity(6 * parameters.len());
    for parameter in parameters {
        let length = parameter.values.len();
        let [first, second] = [0, 1].map(|i| parameter.state.get(i).map_or(0, |state| state.address().raw()));
        let addresses = [parameter.values.address().raw(), parameter.gradient.address().raw(), first, second];
        rows.extend(row(addresses, length, int(first_chunk)?, parameter.decays));
        first_chunk += length.div_ceil(CHUNK);
    }
    Ok(rows)
}

fn row(addresses: [u64; 4], length: usize, first_chunk: i32, decays: bool) -> [u64; 6] {
    let [values, gradient, first, second] = addresses;
    // Two ints in one word, the first in its lower half.
    let flags = u64::from(first_chunk.cast_unsigned()) | u64::from(decays) << 32;
    [values, gradient, first, second, length as u64, flags]
}

/// Returns the table of chunks: the index of the tensor, and of the chunk in the tensor.
fn chunks(parameters: &[ParameterTensors<'_>]) -> Result<Vec<[i32; 2]>> {
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
    fn rows_have_the_layout_of_the_kernels() {
        let words = row([1, 2, 3, 0], 20_000, 7, true);
        let bytes: &[u8] = bytemuck::cast_slice(&words);
        assert_eq!(bytes.len(), 48);
        assert_eq!(bytes[32..40], 20_000i64.to_le_bytes());
        assert_eq!(bytes[40..44], 7i32.to_le_bytes());
        assert_eq!(bytes[44..48], 1i32.to_le_bytes());
    }

    #[test]
    fn chunks_cover_every_element_once() {
        let chunks = chunks_of([1, CHUNK, CHUNK + 1].into_iter()).unwrap();
        assert_eq!(chunks, [[0, 0], [1, 0], [2, 0], [2, 1]]);
    }

    #[test]
    fn the_chunk_length_is_that_of_the_kernels() {
        let header = include_str!("kernels/tensors.cuh");
        assert!(header.contains(&format!("constexpr int CHUNK = {CHUNK};")));
    }
}
