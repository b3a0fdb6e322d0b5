//! Diagnostics of representation collapse from two views of the same images: alignment, uniformity, standard deviation
//! and effective rank.

use crate::analysis::{FeatureMatrix, eigen, gram};
use crate::base::matmul::{Matrix, gemm};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows per task, each compared with all others.
const BLOCK: usize = 64;

/// Maximum size of the smaller dimension of the matrix whose singular values are computed; the cost is cubic.
const MAX_SIDE: usize = 1024;

/// Alignment, uniformity, standard deviation and effective rank of a representation, all of L2-normalized vectors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Mean squared distance between the two views of an image (Wang and Isola 2020, arXiv 2005.10242, alpha 2): 0 is
    /// perfect, 2 is expected of unrelated directions.
    pub alignment: f64,
    /// Log of the mean of exp(-2 d^2) over pairs of different images, averaged over both views (Wang and Isola, t 2): 0
    /// for a collapsed representation, about -4 for a uniform one in many dimensions. 0 with fewer than two images.
    pub uniformity: f64,
    /// Standard deviation averaged over dimensions (Chen and He 2021, arXiv 2011.10566): 0 for a collapsed
    /// representation, near 1 / sqrt(width) for a uniform one.
    pub embedding_std: f64,
    /// exp of the entropy of the singular values (Roy and Vetterli 2007): the number of dimensions in use, between 1
    /// and the width. Over 1024 features, only the first 512 images are used.
    pub effective_rank: f64,
}

/// Measures two views of the same images; row i of both is image i.
///
/// # Panics
/// The two matrices have different shapes.
pub fn health(first_views: FeatureMatrix<'_>, second_views: FeatureMatrix<'_>) -> Health {
    let FeatureMatrix { rows, width, .. } = first_views;
    assert_eq!((rows, width), (second_views.rows, second_views.width));
    let (first, second) = (first_views.normalized_rows(), second_views.normalized_rows());
    let both = [first.as_slice(), second.as_slice()].concat();
    let ranked = if rows.min(width) > MAX_SIDE / 2 && width > MAX_SIDE { MAX_SIDE / 2 } else { rows };
    let sample = [&first[..ranked * width], &second[..ranked * width]].concat();
    Health {
        alignment: alignment(&first, &second, rows),
        uniformity: (uniformity(&first, rows, width) + uniformity(&second, rows, width)) / 2.0,
        embedding_std: embedding_std(&both, width),
        effective_rank: effective_rank(&sample, 2 * ranked, width),
    }
}

fn alignment(first: &[f32], second: &[f32], rows: usize) -> f64 {
    let sum: f64 = first.iter().zip(second).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    sum / rows.max(1) as f64
}

fn uniformity(vectors: &[f32], rows: usize, width: usize) -> f64 {
    if rows < 2 || width == 0 {
        return 0.0;
    }
    let all = Matrix::new(vectors, rows, width).transposed();
    let sums: Vec<f64> = vectors
        .par_chunks(BLOCK * width)
        .enumerate()
        .map(|(block, some)| {
            let count = some.len() / width;
            let mut cosines = vec![0.0; count * rows];
            gemm(Matrix::new(some, count, width), all, false, &mut cosines);
            let later = |i: usize| &cosines[i * rows + block * BLOCK + i + 1..(i + 1) * rows];
            // exp(-2 d^2) with d^2 = 2 - 2 cosine
            (0..count).flat_map(later).map(|&cosine| (4.0 * (f64::from(cosine) - 1.0)).exp()).sum::<f64>()
        })
        .collect();
    let pairs = rows as f64 * (rows as f64 - 1.0) / 2.0;
    (sums.iter().sum::<f64>() / pairs).ln()
}

fn embedding_std(vectors: &[f32], width: usize) -> f64 {
    let (mut sum, mut squares) = (vec![0.0f64; width], vec![0.0f64; width]);
    let rows = (vectors.len() / width.max(1)).max(1) as f64;
    for row in vectors.chunks(width.max(1)) {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    for row in vectors.chunks(width.max(1)) {
        for ((square, sum), &x) in squares.iter_mut().zip(&sum).zip(row) {
            *square += (f64::from(x) - sum / rows).powi(2);
        }
    }
    squares.iter().map(|square| (square / rows).sqrt()).sum::<f64>() / width.max(1) as f64
}

fn effective_rank(vectors: &[f32], rows: usize, width: usize) -> f64 {
    let table: Vec<f64> = vectors.iter().map(|&x| f64::from(x)).collect();
    let side = rows.min(width);
    let gram = if rows < width { gram::of_rows(&table, rows, width) } else { gram::of_columns(&table, rows, width) };
    let values = eigen::symmetric(gram, side, false).values;
    let singular: Vec<f64> = values.iter().map(|&value| if value < 0.0 { 0.0 } else { value.sqrt() }).collect();
    let total: f64 = singular.iter().sum();
    let entropy = |&value: &f64| if value == 0.0 { 0.0 } else { -(value / total) * (value / total).ln() };
    singular.iter().map(entropy).sum::<f64>().exp()
}
