//! NT-Xent and its gradient on the device; the steps are those of `kernels/nt_xent.cu`.

use super::buffer::{Buffer, int};
use super::gpu::Gpu;
use super::grid::Grid;
use super::kernels;
use crate::base::Result;
use std::sync::Arc;

/// NT-Xent of a batch with its metrics and gradient.
#[derive(Debug)]
pub(crate) struct NtXentResult {
    /// Mean over the rows.
    pub(crate) loss: f32,
    /// Fraction of the rows whose positive is more similar than every other row.
    pub(crate) accuracy: f32,
    /// Mean similarity of the positives, not divided by the temperature.
    pub(crate) positive_similarity: f32,
    /// Gradient of the loss with respect to z, `[rows, width]`.
    pub(crate) gradient: Buffer,
}

/// Computes NT-Xent of `z`, `[rows, width]`, with cosine similarity or plain dot products.
///
/// Everything, including the gradient, is queued before waiting for the loss.
///
/// # Errors
/// The device is out of memory or the driver fails.
pub(crate) fn nt_xent(z: Buffer, rows: usize, temperature: f64, cosine: bool) -> Result<NtXentResult> {
    let gpu = z.gpu().clone();
    let batch = Batch { gpu: &gpu, rows, width: z.len() / rows, temperature };
    let norms = if cosine { Some(batch.normalize_rows(&z)?) } else { None };
    let u = z;
    let similarities = Buffer::new(&gpu, rows * rows)?;
    let sizes = [rows, batch.width, rows];
    gpu.cublas()?.gemm(sizes, 1.0, u.address(), (u.address(), true), similarities.address())?;
    let metrics = batch.metrics(&similarities)?;
    let gradient = Buffer::new(&gpu, rows * batch.width)?;
    let factor = (1.0 / (rows as f64 * temperature)) as f32;
    let sizes = [rows, rows, batch.width];
    gpu.cublas()?.gemm(sizes, factor, similarities.address(), (u.address(), false), gradient.address())?;
    if let Some(norms) = &norms {
        let (count, width) = (int(rows)?, int(batch.width)?);
        let (u, norms) = (u.address(), norms.address());
        kernels::l2_normalize_gradient(&gpu, Grid::row(rows)?, u, norms, count, width, gradient.address())?;
    }
    let metrics = metrics.to_host()?;
    Ok(NtXentResult { loss: metrics[0], accuracy: metrics[1], positive_similarity: metrics[2], gradient })
}

struct Batch<'a> {
    gpu: &'a Arc<Gpu>,
    rows: usize,
    width: usize,
    temperature: f64,
}

impl Batch<'_> {
    /// Scales the rows to unit norm in place; returns the original norms.
    fn normalize_rows(&self, z: &Buffer) -> Result<Buffer> {
        let norms = Buffer::new(self.gpu, self.rows)?;
        let (rows, width) = (int(self.rows)?, int(self.width)?);
        let (z, grid) = (z.address(), Grid::row(self.rows)?);
        kernels::l2_normalize(self.gpu, grid, z, rows, width, z, norms.address())?;
        Ok(norms)
    }

    /// Computes loss, accuracy and positive similarity, and replaces the similarities by their unscaled gradient,
    /// `p + p' - 2 pairs`.
    fn metrics(&self, similarities: &Buffer) -> Result<Buffer> {
        let (gpu, rows, grid) = (self.gpu, int(self.rows)?, Grid::row(self.rows)?);
        let temperature = self.temperature as f32;
        let column = || Buffer::new(gpu, self.rows);
        let (row_max, inverse_sum, positive, other, loss) = (column()?, column()?, column()?, column()?, column()?);
        let s = similarities.address();
        let (row_max, inverse_sum) = (row_max.address(), inverse_sum.address());
        let (positive, other, loss) = (positive.address(), other.address(), loss.address());
        kernels::nt_xent_rows(gpu, grid, s, rows, temperature, row_max, inverse_sum, positive, other, loss)?;
        let metrics = Buffer::new(gpu, 3)?;
        let to = metrics.address();
        kernels::nt_xent_metrics(gpu, Grid::row(1)?, positive, other, loss, rows, self.temperature, to)?;
        kernels::nt_xent_similarity_gradient(gpu, grid, row_max, inverse_sum, rows, temperature, s)?;
        Ok(metrics)
    }
}
