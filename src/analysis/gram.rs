//! Gram matrices of rows or columns, in f64.

use crate::base::matmul::{Matrix, gemm};
use rayon::prelude::*;

/// Rows and columns of a tile, one task each; fixed, so that the result does not depend on the number of threads.
const TILE: usize = 128;

/// Returns `matrix * matrix'`, `[rows, rows]`, of `matrix`, `[rows, width]`.
pub(super) fn of_rows(matrix: &[f64], rows: usize, width: usize) -> Vec<f64> {
    let some = |first: usize, count: usize| Matrix::new(&matrix[first * width..(first + count) * width], count, width);
    symmetric(rows, |i, j, product| gemm(some(i.0, i.1), some(j.0, j.1).transposed(), false, product))
}

/// Returns `matrix' * matrix`, `[width, width]`, of `matrix`, `[rows, width]`.
pub(super) fn of_columns(matrix: &[f64], rows: usize, width: usize) -> Vec<f64> {
    let all = Matrix::new(matrix, rows, width);
    let some = |(first, count): (usize, usize)| all.column_block(first, count);
    symmetric(width, |i, j, product| gemm(some(i).transposed(), some(j), false, product))
}

/// Fills a symmetric matrix from the tiles on and above its diagonal, each given by (first, count) of its rows and
/// columns.
fn symmetric(side: usize, tile: impl Fn((usize, usize), (usize, usize), &mut [f64]) + Sync) -> Vec<f64> {
    let blocks: Vec<(usize, usize)> = (0..side).step_by(TILE).map(|first| (first, TILE.min(side - first))).collect();
    let pairs: Vec<_> = blocks
        .iter()
        .enumerate()
        .flat_map(|(i, &above)| blocks[i..].iter().map(move |&right| (above, right)))
        .collect();
    let tiles: Vec<Vec<f64>> = pairs
        .par_iter()
        .map(|&(i, j)| {
            let mut product = vec![0.0; i.1 * j.1];
            tile(i, j, &mut product);
            product
        })
        .collect();
    let mut matrix = vec![0.0; side * side];
    for (&(i, j), product) in pairs.iter().zip(&tiles) {
        for (row, values) in product.chunks(j.1).enumerate() {
            for (column, &value) in values.iter().enumerate() {
                matrix[(i.0 + row) * side + j.0 + column] = value;
                matrix[(j.0 + column) * side + i.0 + row] = value;
            }
        }
    }
    matrix
}
