//! Whether a representation is collapsing: four numbers from two views of the same images.

use crate::analysis::{Features, eigen, gram};
use crate::base::matmul::{Matrix, multiply};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Rows compared with all others at a time.
const BLOCK: usize = 64;

/// Singular values are those of a table with at most this many rows or columns; their cost grows with the third power.
const WIDEST: usize = 1024;

/// Health of a representation; all of it is measured on vectors scaled to length 1, as the cosine sees them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// Mean squared distance of the two views of an image (Wang and Isola 2020, arXiv 2005.10242, alpha 2): 0 is
    /// perfect, 2 is what unrelated directions have.
    pub alignment: f64,
    /// Log of the mean of exp(-2 d^2) over pairs of different images, mean of both views (Wang and Isola, t 2): 0 for
    /// a collapsed representation, about -4 for one spread over a sphere of many dimensions. 0 with fewer than two
    /// images.
    pub uniformity: f64,
    /// Mean over the dimensions of the standard deviation (Chen and He 2021, arXiv 2011.10566): 0 for a collapsed
    /// representation, near 1 / sqrt(width) for one spread evenly.
    pub embedding_std: f64,
    /// exp of the entropy of the singular values (Roy and Vetterli 2007): between 1 and the width, how many dimensions
    /// are in use. Of wide tables (over 1024) only the first 512 images count.
    pub effective_rank: f64,
}

/// Measures two views of the same images: row i of both belongs to image i.
///
/// # Panics
/// The two tables have different shapes.
pub fn health(first_views: Features<'_>, second_views: Features<'_>) -> Health {
    let Features { rows, width, .. } = first_views;
    assert_eq!((rows, width), (second_views.rows, second_views.width));
    let (first, second) = (first_views.unit_rows(), second_views.unit_rows());
    let both = [first.as_slice(), second.as_slice()].concat();
    let ranked = if rows.min(width) > WIDEST / 2 && width > WIDEST { WIDEST / 2 } else { rows };
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

fn uniformity(units: &[f32], rows: usize, width: usize) -> f64 {
    if rows < 2 || width == 0 {
        return 0.0;
    }
    let all = Matrix::new(units, rows, width).transposed();
    let sums: Vec<f64> = units
        .par_chunks(BLOCK * width)
        .enumerate()
        .map(|(block, some)| {
            let count = some.len() / width;
            let mut cosines = vec![0.0; count * rows];
            multiply(Matrix::new(some, count, width), all, false, &mut cosines);
            let later = |i: usize| &cosines[i * rows + block * BLOCK + i + 1..(i + 1) * rows];
            // exp(-2 d^2) with d^2 = 2 - 2 cosine
            (0..count).flat_map(later).map(|&cosine| (4.0 * (f64::from(cosine) - 1.0)).exp()).sum::<f64>()
        })
        .collect();
    let pairs = rows as f64 * (rows as f64 - 1.0) / 2.0;
    (sums.iter().sum::<f64>() / pairs).ln()
}

fn embedding_std(units: &[f32], width: usize) -> f64 {
    let (mut sum, mut squares) = (vec![0.0f64; width], vec![0.0f64; width]);
    let rows = (units.len() / width.max(1)).max(1) as f64;
    for row in units.chunks(width.max(1)) {
        sum.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    for row in units.chunks(width.max(1)) {
        for ((square, sum), &x) in squares.iter_mut().zip(&sum).zip(row) {
            *square += (f64::from(x) - sum / rows).powi(2);
        }
    }
    squares.iter().map(|square| (square / rows).sqrt()).sum::<f64>() / width.max(1) as f64
}

fn effective_rank(units: &[f32], rows: usize, width: usize) -> f64 {
    let table: Vec<f64> = units.iter().map(|&x| f64::from(x)).collect();
    let side = rows.min(width);
    let products =
        if rows < width { gram::of_rows(&table, rows, width) } else { gram::of_columns(&table, rows, width) };
    let values = eigen::symmetric(products, side, false).values;
    let singular: Vec<f64> = values.iter().map(|&value| if value < 0.0 { 0.0 } else { value.sqrt() }).collect();
    let total: f64 = singular.iter().sum();
    let entropy = |&value: &f64| if value == 0.0 { 0.0 } else { -(value / total) * (value / total).ln() };
    singular.iter().map(entropy).sum::<f64>().exp()
}
