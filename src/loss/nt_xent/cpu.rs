//! NT-Xent on the CPU, in blocks of rows on rayon's threads, with the gradient with respect to z.
//!
//! Let `u` be the rows of z, normalized for cosine similarity, `s = u u' / temperature`, and `p` the softmax of each
//! row of `s` without its diagonal. Then `dL/du = (p + p' - 2 pairs) u / (2n temperature)`, where `pairs` is 1 at the
//! positive of each row. For cosine similarity the gradient is then backpropagated through the normalization.

use crate::base::Result;
use crate::base::matmul::{Matrix, gemm};
use crate::loss::tape::{MIN_NORM, accuracy, device_error};
use crate::loss::{ContrastiveOutput, NtXentConfig, NtXentKernel, Similarity};
use crate::nn::Taped;
use dfdx::prelude::*;
use rayon::prelude::*;

/// Rows per block of work; fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 32;

impl NtXentKernel for Cpu {
    fn nt_xent(z: Taped<Self>, config: &NtXentConfig) -> Result<ContrastiveOutput<Self>> {
        let (rows, width) = *z.shape();
        let (z, mut history) = z.split_tape();
        let LossAndGradient { loss, accuracy, positive_similarity, gradient } =
            loss_and_gradient(&z.as_vec(), rows, width, config);
        let loss = z.device().try_tensor_from_vec(vec![loss], ()).map_err(device_error)?;
        let (z, result) = (z.ghost(), loss.ghost());
        history.add_backward_op(move |gradients| {
            let upstream = gradients.get(&result).as_vec()[0];
            let into = gradients.get_or_alloc_mut(&z)?;
            into.iter_mut().zip(&gradient).for_each(|(into, g)| *into += upstream * g);
            Ok(())
        });
        Ok(ContrastiveOutput { loss: loss.put_tape(history), accuracy, positive_similarity })
    }
}

/// The loss with its metrics and gradient.
struct LossAndGradient {
    loss: f32,
    accuracy: f32,
    positive_similarity: f32,
    /// `[rows, width]`
    gradient: Vec<f32>,
}

fn loss_and_gradient(z: &[f32], rows: usize, width: usize, config: &NtXentConfig) -> LossAndGradient {
    let norms = match config.similarity {
        Similarity::Cosine => Some(row_norms(z, width)),
        Similarity::Dot => None,
    };
    let u = norms.as_ref().map_or_else(|| z.to_vec(), |norms| normalized(z, norms, width));
    let SoftmaxRows { probabilities, positives, negatives, losses } =
        softmax_rows(&u, rows, width, config.temperature as f32);
    let mut gradient = similarity_gradient(&probabilities, &u, rows, width, config.temperature);
    if let Some(norms) = &norms {
        normalize_backward(&u, norms, width, &mut gradient);
    }
    let mean = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / rows as f64;
    LossAndGradient {
        loss: mean(&losses) as f32,
        accuracy: accuracy(&positives, &negatives),
        positive_similarity: (mean(&positives) * config.temperature) as f32,
        gradient,
    }
}

pub(in crate::loss) fn row_norms(z: &[f32], width: usize) -> Vec<f32> {
    let norm = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
    // `max` would hide a NaN.
    z.chunks(width).map(norm).map(|norm| if norm < MIN_NORM { MIN_NORM } else { norm }).collect()
}

pub(in crate::loss) fn normalized(z: &[f32], norms: &[f32], width: usize) -> Vec<f32> {
    z.chunks(width).zip(norms).flat_map(|(row, norm)| row.iter().map(move |x| x / norm)).collect()
}

/// Per row of the similarity matrix: softmax without the diagonal, similarity of the positive and of the most similar
/// negative, and loss.
struct SoftmaxRows {
    /// `[rows, rows]`
    probabilities: Vec<f32>,
    positives: Vec<f32>,
    negatives: Vec<f32>,
    losses: Vec<f32>,
}

fn softmax_rows(u: &[f32], rows: usize, width: usize, temperature: f32) -> SoftmaxRows {
    let mut probabilities = vec![0.0; rows * rows];
    let all = Matrix::new(u, rows, width).transposed();
    let per_row: Vec<[f32; 3]> = probabilities
        .par_chunks_mut(BLOCK * rows)
        .zip(u.par_chunks(BLOCK * width))
        .enumerate()
        .flat_map_iter(|(block, (similarities, some))| {
            gemm(Matrix::new(some, some.len() / width, width), all, false, similarities);
            let first = block * BLOCK;
            similarities.chunks_mut(rows).enumerate().map(move |(i, row)| softmax_row(row, first + i, temperature))
        })
        .collect();
    let column = |i: usize| per_row.iter().map(|row| row[i]).collect();
    SoftmaxRows { probabilities, positives: column(0), negatives: column(1), losses: column(2) }
}

/// Turns row `own` of the dot products into probabilities; returns the similarities of the positive and of the most
/// similar negative, and the loss.
fn softmax_row(row: &mut [f32], own: usize, temperature: f32) -> [f32; 3] {
    let pair = (own + row.len() / 2) % row.len();
    row.iter_mut().for_each(|s| *s /= temperature);
    row[own] = f32::NEG_INFINITY;
    let positive = std::mem::replace(&mut row[pair], f32::NEG_INFINITY);
    let negative = row.iter().fold(f32::NEG_INFINITY, |max, &s| max.max(s));
    row[pair] = positive;
    let max = negative.max(positive);
    let mut sum = 0.0;
    for s in row.iter_mut() {
        *s = (*s - max).exp();
        sum += *s;
    }
    row.iter_mut().for_each(|s| *s /= sum);
    [positive, negative, max + sum.ln() - positive]
}

/// Returns the gradient with respect to u, `(p + p' - 2 pairs) u / (rows * temperature)`, `[rows, width]`.
fn similarity_gradient(probabilities: &[f32], u: &[f32], rows: usize, width: usize, temperature: f64) -> Vec<f32> {
    let mut gradient = vec![0.0; rows * width];
    let (all, p) = (Matrix::new(u, rows, width), Matrix::new(probabilities, rows, rows));
    let factor = (1.0 / (rows as f64 * temperature)) as f32;
    gradient.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, some)| {
        let (first, count) = (block * BLOCK, some.len() / width);
        let own = Matrix::new(&probabilities[first * rows..(first + count) * rows], count, rows);
        gemm(own, all, false, some);
        gemm(p.column_block(first, count).transposed(), all, true, some);
        for (i, row) in some.chunks_mut(width).enumerate() {
            let pair = (first + i + rows / 2) % rows;
            for (g, u) in row.iter_mut().zip(&u[pair * width..]) {
                *g = factor * (*g - 2.0 * u);
            }
        }
    });
    gradient
}

/// Backpropagates the gradient through `u = z / |z|` in place: `dz = (du - (du . u) u) / |z|`.
pub(in crate::loss) fn normalize_backward(u: &[f32], norms: &[f32], width: usize, gradient: &mut [f32]) {
    for ((row, u), &norm) in gradient.chunks_mut(width).zip(u.chunks(width)).zip(norms) {
        // Below the minimum norm the divisor is a constant.
        let along = if norm > MIN_NORM { row.iter().zip(u).map(|(g, u)| g * u).sum::<f32>() } else { 0.0 };
        for (g, u) in row.iter_mut().zip(u) {
            *g = (*g - along * u) / norm;
        }
    }
}
