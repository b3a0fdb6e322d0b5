//! The joint probabilities P of t-SNE, over the nearest neighbors of each row.

use crate::analysis::FeatureMatrix;
use crate::base::matmul::{Matrix, gemm};
use rayon::prelude::*;

/// Rows per task, each compared with all others.
const BLOCK: usize = 64;

/// Neighbors of a row per unit of perplexity (van der Maaten 2014).
const NEIGHBORS_PER_PERPLEXITY: f64 = 3.0;

/// Maximum number of steps of the binary search for a row's bandwidth (scikit-learn's).
const MAX_SEARCH_STEPS: usize = 100;
/// Tolerance of the entropy in this search (scikit-learn's).
const ENTROPY_TOLERANCE: f64 = 1e-5;

/// The symmetric joint distribution P as a sparse matrix in CSR format; it sums to 1.
pub(super) struct Affinities {
    /// Row i has the entries `starts[i]..starts[i + 1]`.
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl Affinities {
    pub(super) fn new(features: FeatureMatrix<'_>, perplexity: f64) -> Self {
        let rows = features.rows;
        let count = ((NEIGHBORS_PER_PERPLEXITY * perplexity + 1.0) as usize).min(rows.saturating_sub(1));
        let neighbors = nearest(features, count);
        // Each conditional probability counts once for its row and once for its column.
        let mut entries: Vec<(u32, u32, f64)> = neighbors
            .par_iter()
            .enumerate()
            .flat_map_iter(|(row, neighbors)| {
                let probabilities = conditional(neighbors, perplexity);
                let pairs = neighbors.iter().zip(probabilities);
                pairs.flat_map(move |(&(_, other), p)| [(row as u32, other, p), (other, row as u32, p)])
            })
            .collect();
        entries.par_sort_by_key(|&(row, column, _)| (row, column));
        Self::from_sorted(rows, &entries)
    }

    fn from_sorted(rows: usize, entries: &[(u32, u32, f64)]) -> Self {
        let mut result = Self { starts: vec![0; rows + 1], columns: Vec::new(), values: Vec::new() };
        for same in entries.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            result.starts[same[0].0 as usize + 1] += 1;
            result.columns.push(same[0].1);
            result.values.push((same.iter().map(|entry| entry.2).sum::<f64>() / (2.0 * rows as f64)) as f32);
        }
        for row in 0..rows {
            result.starts[row + 1] += result.starts[row];
        }
        result
    }

    pub(super) fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// Iterates over the neighbors of a row with their probabilities.
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = (usize, f32)> {
        let entries = self.starts[row]..self.starts[row + 1];
        self.columns[entries.clone()].iter().map(|&column| column as usize).zip(self.values[entries].iter().copied())
    }

    /// Returns the KL divergence, `sum of p ln(p / q)`, with the q of points in the plane, `[rows, 2]`.
    pub(super) fn divergence(&self, points: &[f32]) -> f64 {
        let near = |i: usize, j: usize| {
            let distance = |axis: usize| f64::from(points[2 * i + axis]) - f64::from(points[2 * j + axis]);
            1.0 / (1.0 + distance(0).powi(2) + distance(1).powi(2))
        };
        let rows = self.rows();
        let all: f64 = (0..rows).map(|i| (0..rows).filter(|&j| j != i).map(|j| near(i, j)).sum::<f64>()).sum();
        let terms = |i: usize| self.row(i).map(move |(j, p)| (f64::from(p), near(i, j) / all));
        (0..rows).flat_map(terms).filter(|&(p, _)| p > 0.0).map(|(p, q)| p * (p / q).ln()).sum()
    }
}

/// Returns for each row its `count` nearest neighbors with their squared distances, in ascending order; ties by index.
fn nearest(features: FeatureMatrix<'_>, count: usize) -> Vec<Vec<(f64, u32)>> {
    let FeatureMatrix { rows, width, .. } = features;
    let table: Vec<f64> = features.values.iter().map(|&x| f64::from(x)).collect();
    let squares: Vec<f64> = table.chunks(width).map(|row| row.iter().map(|x| x * x).sum()).collect();
    let all = Matrix::new(&table, rows, width).transposed();
    table
        .par_chunks(BLOCK * width)
        .enumerate()
        .flat_map_iter(|(block, some)| {
            let mut products = vec![0.0; some.len() / width * rows];
            gemm(Matrix::new(some, some.len() / width, width), all, false, &mut products);
            let found: Vec<_> = products
                .chunks(rows)
                .enumerate()
                .map(|(i, products)| nearest_of_row(block * BLOCK + i, products, &squares, count))
                .collect();
            found
        })
        .collect()
}

fn nearest_of_row(own: usize, products: &[f64], squares: &[f64], count: usize) -> Vec<(f64, u32)> {
    let distance = |other: usize| (squares[own] + squares[other] - 2.0 * products[other]).max(0.0);
    let mut others: Vec<(f64, u32)> =
        (0..products.len()).filter(|&other| other != own).map(|other| (distance(other), other as u32)).collect();
    let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    if count < others.len() {
        others.select_nth_unstable_by(count, order);
        others.truncate(count);
    }
    others.sort_unstable_by(order);
    others
}

/// Returns the conditional probabilities of a row's neighbors, proportional to `exp(-precision * squared distance)`,
/// with the precision at which their perplexity is `perplexity`.
fn conditional(neighbors: &[(f64, u32)], perplexity: f64) -> Vec<f64> {
    let nearest = neighbors.first().map_or(0.0, |neighbor| neighbor.0);
    let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0);
    let mut probabilities = Vec::new();
    for _ in 0..MAX_SEARCH_STEPS {
        probabilities = neighbors.iter().map(|&(d, _)| (-precision * (d - nearest)).exp()).collect();
        let total: f64 = probabilities.iter().sum();
        probabilities.iter_mut().for_each(|p| *p /= total);
        let entropy: f64 = probabilities.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum();
        let excess = entropy - perplexity.ln();
        if excess.abs() < ENTROPY_TOLERANCE {
            break;
        }
        if excess > 0.0 {
            low = precision;
            precision = if high.is_finite() { (low + high) / 2.0 } else { precision * 2.0 };
        } else {
            high = precision;
            precision = (low + high) / 2.0;
        }
    }
    probabilities
}
