//! NT-Xent on the host: blocks of rows over rayon's threads, and the gradient with respect to z.
//!
//! With the rows of `u` the compared vectors, `s = u u' / temperature` and `p` the softmax of each row of `s` without
//! its diagonal, the gradient is `dL/du = (p + p' - 2 pairs) u / (2n temperature)`, `pairs` being 1 where a row meets
//! its positive. For cosine similarity it then goes through the scaling to length 1.

use crate::base::Result;
use crate::base::matmul::{Matrix, multiply};
use crate::loss::tape::failed;
use crate::loss::{NtXentConfig, NtXentKernel, NtXentOutput, Similarity};
use crate::nn::Taped;
use dfdx::prelude::*;
use rayon::prelude::*;

/// Vectors shorter than this are divided by this, so that a vector of zeros has a gradient (the reference's 1e-12 is
/// the square).
pub(super) const SHORTEST: f32 = 1e-6;

/// Rows that one thread works on at a time; fixed, so that sums do not depend on the number of threads.
const BLOCK: usize = 32;

impl NtXentKernel for Cpu {
    fn nt_xent(z: Taped<Self>, config: &NtXentConfig) -> Result<NtXentOutput<Self>> {
        let (rows, width) = *z.shape();
        let (z, mut history) = z.split_tape();
        let Measured { loss, accuracy, positive_similarity, gradient } = measure(&z.as_vec(), rows, width, config);
        let loss = z.device().try_tensor_from_vec(vec![loss], ()).map_err(failed)?;
        let (z, result) = (z.ghost(), loss.ghost());
        history.add_backward_op(move |gradients| {
            let upstream = gradients.get(&result).as_vec()[0];
            let into = gradients.get_or_alloc_mut(&z)?;
            into.iter_mut().zip(&gradient).for_each(|(into, g)| *into += upstream * g);
            Ok(())
        });
        Ok(NtXentOutput { loss: loss.put_tape(history), accuracy, positive_similarity })
    }
}

/// The loss, its gradient and what is measured with it.
struct Measured {
    loss: f32,
    accuracy: f32,
    positive_similarity: f32,
    /// `[rows, width]`
    gradient: Vec<f32>,
}

fn measure(z: &[f32], rows: usize, width: usize, config: &NtXentConfig) -> Measured {
    let lengths = match config.similarity {
        Similarity::Cosine => Some(lengths(z, width)),
        Similarity::Dot => None,
    };
    let u = lengths.as_ref().map_or_else(|| z.to_vec(), |lengths| scaled(z, lengths, width));
    let Softmax { probabilities, positives, others, losses } = softmax(&u, rows, width, config.temperature as f32);
    let mut gradient = product_gradient(&probabilities, &u, rows, width, config.temperature);
    if let Some(lengths) = &lengths {
        through_scaling(&u, lengths, width, &mut gradient);
    }
    let mean = |numbers: &[f32]| numbers.iter().map(|&x| f64::from(x)).sum::<f64>() / rows as f64;
    Measured {
        loss: mean(&losses) as f32,
        accuracy: accuracy(&positives, &others),
        positive_similarity: (mean(&positives) * config.temperature) as f32,
        gradient,
    }
}

/// Part of the rows whose positive beats the best of the others.
pub(super) fn accuracy(positives: &[f32], others: &[f32]) -> f32 {
    let right = positives.iter().zip(others).filter(|(positive, other)| positive > other).count();
    right as f32 / positives.len() as f32
}

fn lengths(z: &[f32], width: usize) -> Vec<f32> {
    let length = |row: &[f32]| row.iter().map(|x| x * x).sum::<f32>().sqrt();
    // Not `max`, which would hide a NaN.
    z.chunks(width).map(length).map(|length| if length < SHORTEST { SHORTEST } else { length }).collect()
}

fn scaled(z: &[f32], lengths: &[f32], width: usize) -> Vec<f32> {
    z.chunks(width).zip(lengths).flat_map(|(row, length)| row.iter().map(move |x| x / length)).collect()
}

/// Per row of the similarity matrix: softmax without the diagonal, what the positive and the best other are, the loss.
struct Softmax {
    /// `[rows, rows]`
    probabilities: Vec<f32>,
    positives: Vec<f32>,
    others: Vec<f32>,
    losses: Vec<f32>,
}

fn softmax(u: &[f32], rows: usize, width: usize, temperature: f32) -> Softmax {
    let mut probabilities = vec![0.0; rows * rows];
    let all = Matrix::new(u, rows, width).transposed();
    let measured: Vec<[f32; 3]> = probabilities
        .par_chunks_mut(BLOCK * rows)
        .zip(u.par_chunks(BLOCK * width))
        .enumerate()
        .flat_map_iter(|(block, (similarities, some))| {
            multiply(Matrix::new(some, some.len() / width, width), all, false, similarities);
            let first = block * BLOCK;
            similarities.chunks_mut(rows).enumerate().map(move |(i, row)| softmax_row(row, first + i, temperature))
        })
        .collect();
    let column = |i: usize| measured.iter().map(|row| row[i]).collect();
    Softmax { probabilities, positives: column(0), others: column(1), losses: column(2) }
}

/// Turns row `own` of the products into probabilities; returns the positive, the best other and the loss.
fn softmax_row(row: &mut [f32], own: usize, temperature: f32) -> [f32; 3] {
    let pair = (own + row.len() / 2) % row.len();
    row.iter_mut().for_each(|s| *s /= temperature);
    row[own] = f32::NEG_INFINITY;
    let positive = std::mem::replace(&mut row[pair], f32::NEG_INFINITY);
    let other = row.iter().fold(f32::NEG_INFINITY, |most, &s| most.max(s));
    row[pair] = positive;
    let largest = other.max(positive);
    let mut sum = 0.0;
    for s in row.iter_mut() {
        *s = (*s - largest).exp();
        sum += *s;
    }
    row.iter_mut().for_each(|s| *s /= sum);
    [positive, other, largest + sum.ln() - positive]
}

/// `(p + p' - 2 pairs) u / (rows * temperature)`, `[rows, width]`.
fn product_gradient(probabilities: &[f32], u: &[f32], rows: usize, width: usize, temperature: f64) -> Vec<f32> {
    let mut gradient = vec![0.0; rows * width];
    let (all, p) = (Matrix::new(u, rows, width), Matrix::new(probabilities, rows, rows));
    let factor = (1.0 / (rows as f64 * temperature)) as f32;
    gradient.par_chunks_mut(BLOCK * width).enumerate().for_each(|(block, some)| {
        let (first, count) = (block * BLOCK, some.len() / width);
        let own = Matrix::new(&probabilities[first * rows..(first + count) * rows], count, rows);
        multiply(own, all, false, some);
        multiply(p.column_block(first, count).transposed(), all, true, some);
        for (i, row) in some.chunks_mut(width).enumerate() {
            let pair = (first + i + rows / 2) % rows;
            for (g, u) in row.iter_mut().zip(&u[pair * width..]) {
                *g = factor * (*g - 2.0 * u);
            }
        }
    });
    gradient
}

/// From the gradient of `u = z / length` to that of `z`: `(du - (du . u) u) / length`.
fn through_scaling(u: &[f32], lengths: &[f32], width: usize, gradient: &mut [f32]) {
    for ((row, u), &length) in gradient.chunks_mut(width).zip(u.chunks(width)).zip(lengths) {
        // Below the shortest length the divisor is a constant.
        let along = if length > SHORTEST { row.iter().zip(u).map(|(g, u)| g * u).sum::<f32>() } else { 0.0 };
        for (g, u) in row.iter_mut().zip(u) {
            *g = (*g - along * u) / length;
        }
    }
}
