//! NT-Xent and its gradient on the device; the steps are those of `kernels/nt_xent.cu`.

use super::buffer::{Buffer, int};
use super::gpu::Gpu;
use super::grid::Grid;
use super::kernels;
use crate::base::Result;
use std::sync::Arc;

/// The loss of a batch and what is measured with it.
#[derive(Debug)]
pub(crate) struct Contrasted {
    /// The mean over the rows.
    pub(crate) loss: f32,
    /// Part of the rows whose positive is nearer than each other row.
    pub(crate) accuracy: f32,
    /// Mean similarity of the positives, not divided by the temperature.
    pub(crate) positive_similarity: f32,
    /// Of the loss with respect to z, `[rows, width]`.
    pub(crate) gradient: Buffer,
}

/// NT-Xent of `z`, `[rows, width]`; of the cosine of its rows or of their plain product.
///
/// Everything is queued, the gradient too, before the loss is waited for.
///
/// # Errors
/// Memory is short or the driver fails.
pub(crate) fn nt_xent(z: Buffer, rows: usize, temperature: f64, cosine: bool) -> Result<Contrasted> {
    let gpu = z.gpu().clone();
    let batch = Batch { gpu: &gpu, rows, width: z.len() / rows, temperature };
    let lengths = if cosine { Some(batch.unit_rows(&z)?) } else { None };
    let u = z;
    let similarities = Buffer::new(&gpu, rows * rows)?;
    let product = [rows, batch.width, rows];
    gpu.blas()?.multiply(product, 1.0, u.address(), (u.address(), true), similarities.address())?;
    let measured = batch.measured(&similarities)?;
    let gradient = Buffer::new(&gpu, rows * batch.width)?;
    let factor = (1.0 / (rows as f64 * temperature)) as f32;
    let product = [rows, rows, batch.width];
    gpu.blas()?.multiply(product, factor, similarities.address(), (u.address(), false), gradient.address())?;
    if let Some(lengths) = &lengths {
        let (count, width) = (int(rows)?, int(batch.width)?);
        let (u, lengths) = (u.address(), lengths.address());
        kernels::unit_rows_gradient(&gpu, Grid::row(rows)?, u, lengths, count, width, gradient.address())?;
    }
    let measured = measured.to_host()?;
    Ok(Contrasted { loss: measured[0], accuracy: measured[1], positive_similarity: measured[2], gradient })
}

struct Batch<'a> {
    gpu: &'a Arc<Gpu>,
    rows: usize,
    width: usize,
    temperature: f64,
}

impl Batch<'_> {
    /// Scales the rows to length 1, in place; gives their lengths.
    fn unit_rows(&self, z: &Buffer) -> Result<Buffer> {
        let lengths = Buffer::new(self.gpu, self.rows)?;
        let (rows, width) = (int(self.rows)?, int(self.width)?);
        let (place, grid) = (z.address(), Grid::row(self.rows)?);
        kernels::unit_rows(self.gpu, grid, place, rows, width, place, lengths.address())?;
        Ok(lengths)
    }

    /// Loss, accuracy and positive similarity; the similarities become `p + p' - 2 pairs`.
    fn measured(&self, similarities: &Buffer) -> Result<Buffer> {
        let (gpu, rows, grid) = (self.gpu, int(self.rows)?, Grid::row(self.rows)?);
        let temperature = self.temperature as f32;
        let column = || Buffer::new(gpu, self.rows);
        let (largest, inverse_sum, positive, other, loss) = (column()?, column()?, column()?, column()?, column()?);
        let s = similarities.address();
        let (largest, inverse_sum) = (largest.address(), inverse_sum.address());
        let (positive, other, loss) = (positive.address(), other.address(), loss.address());
        kernels::nt_xent_rows(gpu, grid, s, rows, temperature, largest, inverse_sum, positive, other, loss)?;
        let measured = Buffer::new(gpu, 3)?;
        let to = measured.address();
        kernels::nt_xent_measure(gpu, Grid::row(1)?, positive, other, loss, rows, self.temperature, to)?;
        kernels::nt_xent_weights(gpu, grid, largest, inverse_sum, rows, temperature, s)?;
        Ok(measured)
    }
}
