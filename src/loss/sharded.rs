//! Contrastive losses of a batch that is cut into shards: the projections of all shards are gathered, and each rank
//! computes the rows of its own against all columns.
//!
//! With similarities `s = u u' / temperature`, the gradient of the loss with respect to row i of u needs `dL/ds` of row i
//! and of column i. Since s is symmetric, both follow from the row and one number of every other row (for NT-Xent the
//! logarithm of its sum of exponentials), which are gathered too. So no gradient of another rank's rows is computed, and
//! none has to be summed over ranks.

use crate::base::matmul::{Matrix, gemm};
use crate::base::{Error, Result};
use crate::group::{ShardedBatch, add_numbers};
use crate::loss::nt_xent::cpu::{normalize_backward, normalized, row_norms};
use crate::loss::tape::device_error;
use crate::loss::{ContrastiveLoss, LossConfig, Similarity};
use dfdx::prelude::*;
use rayon::prelude::*;
use std::ops::Range;

/// Rows per block of work; blocks begin with a shard's view, so that sums do not depend on the number of ranks.
const BLOCK: usize = 32;

/// Replaces the similarities of a row, given its index and the numbers of all rows.
pub type RowGradient = dyn Fn(&mut [f32], usize, &[f32]) + Sync;

/// A contrastive loss by rows of the similarity matrix; the loss of a batch is the mean over its rows.
#[derive(Clone, Copy)]
pub struct RowLoss<'a> {
    /// Temperature that similarities are divided by.
    pub temperature: f64,
    /// Similarity of two projections.
    pub similarity: Similarity,
    /// Returns the loss of a row, given its similarities and its index, and the number that other rows need of it.
    pub value: &'a (dyn Fn(&[f32], usize) -> [f32; 2] + Sync),
    /// Replaces the similarities of a row by the gradient of the sum of the losses of all rows, given its index and the
    /// numbers of all rows: as its row and as its column.
    pub gradient: &'a RowGradient,
}

/// The loss of a batch, the same on every rank, with the gradients of this rank's outputs.
#[derive(Clone, Debug)]
pub struct ShardedLoss {
    /// The loss.
    pub loss: f64,
    /// The accuracy.
    pub accuracy: f64,
    /// The gradient of the outputs of each shard of this rank.
    pub gradients: Vec<Vec<f32>>,
}

/// Computes the contrastive loss of a batch over all its shards, given the projections of each shard of this rank, `[2n,
/// width]`: the first views of its images, then the second views.
///
/// # Errors
/// The projections are not those of two views of each image, or another rank failed.
pub fn sharded_loss(loss: &LossConfig, batch: &ShardedBatch, z: &[Vec<f32>]) -> Result<ShardedLoss> {
    let own = batch.own();
    let rows: usize = own.iter().map(|images| 2 * images.len()).sum();
    let width = z.first().map_or(0, Vec::len) / own.first().map_or(1, |images| 2 * images.len());
    if rows == 0 || z.len() != own.len() || z.iter().map(Vec::len).sum::<usize>() != rows * width {
        return Err(Error::bug(format!("{} projections are not those of {} shards", z.len(), own.len())));
    }
    let z = gathered(batch, z, width)?;
    match loss.by_rows() {
        Some(loss) => Rows { loss, batch, own, width }.loss(&z),
        None => of_all_rows(loss, batch, z, width),
    }
}

/// Gathers the projections of all ranks and orders them: all first views, then all second views.
fn gathered(batch: &ShardedBatch, z: &[Vec<f32>], width: usize) -> Result<Vec<f32>> {
    let (images, mut ordered) = (batch.images(), vec![0.0; 2 * batch.images() * width]);
    let all = batch.gather(&z.concat())?.concat();
    let mut shards = all.as_slice();
    for own in batch.all() {
        let length = own.len() * width;
        let (shard, rest) = shards.split_at(2 * length);
        for (view, rows) in shard.chunks_exact(length).enumerate() {
            ordered[(view * images + own.start) * width..][..length].copy_from_slice(rows);
        }
        shards = rest;
    }
    Ok(ordered)
}

/// The rows of this rank.
struct Rows<'a> {
    loss: RowLoss<'a>,
    batch: &'a ShardedBatch,
    /// Images of each shard.
    own: Vec<Range<usize>>,
    width: usize,
}

/// Loss, number for other rows, similarity of the positive and of the most similar negative.
type RowResult = [f32; 4];

impl Rows<'_> {
    fn loss(&self, z: &[f32]) -> Result<ShardedLoss> {
        let norms = matches!(self.loss.similarity, Similarity::Cosine).then(|| row_norms(z, self.width));
        let u = norms.as_ref().map_or_else(|| z.to_vec(), |norms| normalized(z, norms, self.width));
        let rows = 2 * self.batch.images();
        let results: Vec<Vec<RowResult>> = self.own.iter().map(|images| self.results(&u, images)).collect();
        let sums = |rows: &Vec<RowResult>| {
            let correct = rows.iter().filter(|[_, _, positive, negative]| positive > negative).count();
            vec![rows.iter().map(|[loss, ..]| f64::from(*loss)).sum(), correct as f64]
        };
        let own = self.batch.own_sum(results.iter().map(sums), add_numbers)?.unwrap_or_default();
        let whole = self.batch.gathered_sum(&own, <[f64]>::to_vec, add_numbers)?.unwrap_or(own);
        let numbers: Vec<Vec<f32>> =
            results.iter().map(|rows| rows.iter().map(|[_, number, ..]| *number).collect()).collect();
        let numbers = gathered(self.batch, &numbers, 1)?;
        let gradients = self.own.iter().map(|images| self.gradient(&u, norms.as_deref(), &numbers, images)).collect();
        Ok(ShardedLoss { loss: whole[0] / rows as f64, accuracy: whole[1] / rows as f64, gradients })
    }

    /// Returns the first row of each block of a shard's rows, and the number of its rows.
    fn blocks(&self, images: &Range<usize>) -> Vec<(usize, usize)> {
        let block = |view: usize, start: usize| (view * self.batch.images() + start, BLOCK.min(images.end - start));
        (0..2).flat_map(|view| images.clone().step_by(BLOCK).map(move |start| block(view, start))).collect()
    }

    /// Returns the similarities of a block of rows with all rows, divided by the temperature.
    fn similarities(&self, u: &[f32], (first, count): (usize, usize)) -> Vec<f32> {
        let rows = u.len() / self.width;
        let own = Matrix::new(&u[first * self.width..(first + count) * self.width], count, self.width);
        let mut similarities = vec![0.0; count * rows];
        gemm(own, Matrix::new(u, rows, self.width).transposed(), false, &mut similarities);
        let temperature = self.loss.temperature as f32;
        similarities.iter_mut().for_each(|s| *s /= temperature);
        similarities
    }

    fn results(&self, u: &[f32], images: &Range<usize>) -> Vec<RowResult> {
        let rows = u.len() / self.width;
        let of_block = |block: (usize, usize)| -> Vec<RowResult> {
            let similarities = self.similarities(u, block);
            similarities.chunks_exact(rows).enumerate().map(|(i, row)| self.result(row, block.0 + i)).collect()
        };
        self.blocks(images).into_par_iter().flat_map_iter(of_block).collect()
    }

    fn result(&self, row: &[f32], own: usize) -> RowResult {
        let pair = (own + row.len() / 2) % row.len();
        let negatives = row.iter().enumerate().filter(|(column, _)| *column != own && *column != pair);
        let negative = negatives.fold(f32::NEG_INFINITY, |max, (_, s)| max.max(*s));
        let [loss, number] = (self.loss.value)(row, own);
        [loss, number, row[pair], negative]
    }

    /// Returns the gradient of a shard's projections.
    fn gradient(&self, u: &[f32], norms: Option<&[f32]>, numbers: &[f32], images: &Range<usize>) -> Vec<f32> {
        let (rows, width) = (u.len() / self.width, self.width);
        let factor = (1.0 / (rows as f64 * self.loss.temperature)) as f32;
        let of_block = |block: (usize, usize)| -> Vec<f32> {
            let (first, count) = block;
            let mut weights = self.similarities(u, block);
            weights
                .chunks_exact_mut(rows)
                .enumerate()
                .for_each(|(i, row)| (self.loss.gradient)(row, first + i, numbers));
            let mut gradient = vec![0.0; count * width];
            gemm(Matrix::new(&weights, count, rows), Matrix::new(u, rows, width), false, &mut gradient);
            gradient.iter_mut().for_each(|g| *g *= factor);
            if let Some(norms) = norms {
                let own = &u[first * width..(first + count) * width];
                normalize_backward(own, &norms[first..first + count], width, &mut gradient);
            }
            gradient
        };
        self.blocks(images).into_par_iter().flat_map_iter(of_block).collect()
    }
}

/// Computes the loss of the whole batch with dfdx operations, and returns the gradients of this rank's rows.
fn of_all_rows(loss: &LossConfig, batch: &ShardedBatch, z: Vec<f32>, width: usize) -> Result<ShardedLoss> {
    let images = batch.images();
    let z = Cpu::default().try_tensor_from_vec(z, (2 * images, width)).map_err(device_error)?;
    let output = loss.plain(z.leaky_trace())?;
    let value = f64::from(output.loss.array());
    let gradient = output.loss.try_backward().map_err(device_error)?.get(&z).as_vec();
    let of_view = |view: usize, own: &Range<usize>| {
        let first = view * images;
        gradient[(first + own.start) * width..(first + own.end) * width].to_vec()
    };
    let gradients = batch.own().iter().map(|own| [of_view(0, own), of_view(1, own)].concat()).collect();
    Ok(ShardedLoss { loss: value, accuracy: f64::from(output.accuracy), gradients })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::group::{Sharding, Threads};
    use std::sync::Arc;
    use std::thread;

    /// Projections of `images` images in two views, all first views first.
    fn noise(images: usize, width: usize) -> Vec<f32> {
        let mut random = rng::stream(9, "test", &[images as u64]);
        (0..2 * images * width).map(|_| 0.5 * rng::normal(&mut random)).collect()
    }

    /// Returns loss, accuracy and the gradient of all rows, in the order of `z`.
    fn on_ranks(ranks: usize, shards: usize, loss: &LossConfig, z: &[f32], width: usize) -> (f64, f64, Vec<f32>) {
        let images = z.len() / width / 2;
        let results: Vec<(Vec<Range<usize>>, ShardedLoss)> = thread::scope(|scope| {
            let run = |rank: Threads| {
                let batch = Sharding::new(Arc::new(rank), shards).unwrap().batch(images);
                let rows = |view: usize, own: &Range<usize>| {
                    &z[(view * images + own.start) * width..(view * images + own.end) * width]
                };
                let own: Vec<Vec<f32>> = batch.own().iter().map(|own| [rows(0, own), rows(1, own)].concat()).collect();
                (batch.own(), sharded_loss(loss, &batch, &own).unwrap())
            };
            let all: Vec<_> = Threads::group(ranks).into_iter().map(|rank| scope.spawn(move || run(rank))).collect();
            all.into_iter().map(|rank| rank.join().unwrap()).collect()
        });
        let mut gradient = vec![f32::NAN; z.len()];
        for (own, of_rank) in &results {
            let bits = |of: &ShardedLoss| [of.loss, of.accuracy].map(f64::to_bits);
            assert_eq!(bits(of_rank), bits(&results[0].1));
            for (own, values) in own.iter().zip(&of_rank.gradients) {
                let half = own.len() * width;
                gradient[own.start * width..][..half].copy_from_slice(&values[..half]);
                gradient[(images + own.start) * width..][..half].copy_from_slice(&values[half..]);
            }
        }
        (results[0].1.loss, results[0].1.accuracy, gradient)
    }

    #[test]
    fn shards_on_any_number_of_ranks_have_the_loss_and_gradient_of_the_whole_batch() {
        for loss in LossConfig::examples() {
            for (images, width, shards) in [(8, 4, 8), (8, 5, 2), (80, 32, 4)] {
                let z = noise(images, width);
                let tensor = Cpu::default().tensor_from_vec(z.clone(), (2 * images, width));
                let plain = loss.plain(tensor.leaky_trace()).unwrap();
                let (value, accuracy) = (f64::from(plain.loss.array()), plain.accuracy);
                let expected = plain.loss.backward().get(&tensor).as_vec();
                let largest = expected.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                let one = on_ranks(1, shards, &loss, &z, width);
                assert!((one.0 - value).abs() < 1e-5 * (1.0 + value), "{loss:?}: {} {value}", one.0);
                assert_eq!(one.1 as f32, accuracy, "{loss:?}");
                for (a, b) in one.2.iter().zip(&expected) {
                    assert!((a - b).abs() <= 2e-5 * largest, "{loss:?}: {a} {b}, largest {largest}");
                }
                for ranks in [2, 4, 8].into_iter().filter(|ranks| *ranks <= shards) {
                    assert_eq!(on_ranks(ranks, shards, &loss, &z, width), one, "{loss:?}, {ranks} ranks");
                }
            }
        }
    }

    #[test]
    fn a_loss_without_rows_is_computed_as_a_whole() {
        let (z, width) = (noise(8, 4), 4);
        let loss = LossConfig::default();
        let batch = Sharding::new(crate::group::alone(), 4).unwrap().batch(8);
        let all = of_all_rows(&loss, &batch, z.clone(), width).unwrap();
        let by_rows = on_ranks(1, 4, &loss, &z, width);
        assert!((all.loss - by_rows.0).abs() < 1e-5);
        let first: Vec<f32> = all.gradients.iter().flat_map(|shard| shard[..2 * width].to_vec()).collect();
        assert!(first.iter().zip(&by_rows.2).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_number_that_is_not_finite_is_in_the_loss_of_every_rank() {
        let mut z = noise(8, 4);
        z[3] = f32::NAN;
        let (loss, _, _) = on_ranks(2, 8, &LossConfig::default(), &z, 4);
        assert!(loss.is_nan());
    }
}
