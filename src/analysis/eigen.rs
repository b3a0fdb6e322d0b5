//! Eigenvalues and eigenvectors of symmetric matrices: Householder's reduction to three diagonals, then implicit QR
//! steps with Wilkinson's shift (Golub and Van Loan, Matrix Computations, sections 8.3.1 and 8.3.3).

use rayon::prelude::*;

/// QR steps for each eigenvalue after which a matrix counts as hopeless (a few are normal; a NaN never ends).
const MOST_STEPS: usize = 60;

/// Fewest rows that are worth a thread of their own.
const ROWS: usize = 128;

/// Eigenvalues, the largest first, and the eigenvectors in the same order.
pub(super) struct Eigen {
    pub(super) values: Vec<f64>,
    /// `[side, side]`, one eigenvector a row; empty if not asked for.
    pub(super) vectors: Vec<f64>,
}

/// Decomposes a symmetric matrix, `[side, side]`.
pub(super) fn symmetric(mut matrix: Vec<f64>, side: usize, want_vectors: bool) -> Eigen {
    let reflections = tridiagonalise(&mut matrix, side);
    let mut diagonal: Vec<f64> = (0..side).map(|i| matrix[i * side + i]).collect();
    let mut beside: Vec<f64> = (1..side).map(|i| matrix[i * side + i - 1]).collect();
    let mut vectors = if want_vectors { expand(&reflections, side) } else { Vec::new() };
    diagonalise(&mut diagonal, &mut beside, &mut vectors);
    sorted(&diagonal, &vectors)
}

fn sorted(values: &[f64], vectors: &[f64]) -> Eigen {
    let side = values.len();
    let mut order: Vec<usize> = (0..side).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let rows = order.iter().filter_map(|&i| vectors.get(i * side..(i + 1) * side));
    Eigen { vectors: rows.flatten().copied().collect(), values: order.iter().map(|&i| values[i]).collect() }
}

/// The reflection `1 - factor * vector vector'` of the last coordinates.
struct Reflection {
    vector: Vec<f64>,
    factor: f64,
}

/// Brings the matrix to three diagonals; the k-th reflection acts on the coordinates after k.
fn tridiagonalise(matrix: &mut [f64], side: usize) -> Vec<Reflection> {
    let mut reflections = Vec::new();
    for k in 0..side.saturating_sub(2) {
        let mut vector: Vec<f64> = (k + 1..side).map(|i| matrix[i * side + k]).collect();
        let length = dot(&vector, &vector).sqrt();
        let beside = if vector[0] > 0.0 { -length } else { length };
        vector[0] -= beside;
        let square = dot(&vector, &vector);
        let factor = if square > 0.0 { 2.0 / square } else { 0.0 };
        let reflection = Reflection { vector, factor };
        reflect_both_sides(matrix, side, k + 1, &reflection);
        matrix[(k + 1) * side + k] = beside;
        reflections.push(reflection);
    }
    reflections
}

/// Applies the reflection from both sides to the part of the matrix from row and column `first` on.
fn reflect_both_sides(matrix: &mut [f64], side: usize, first: usize, reflection: &Reflection) {
    let Reflection { vector, factor } = reflection;
    let below = &mut matrix[first * side..];
    let mut turned = vec![0.0; vector.len()];
    turned.par_iter_mut().with_min_len(ROWS).enumerate().for_each(|(i, value)| {
        *value = factor * dot(&below[i * side + first..(i + 1) * side], vector);
    });
    let along = 0.5 * factor * dot(&turned, vector);
    turned.iter_mut().zip(vector).for_each(|(t, v)| *t -= along * v);
    below.par_chunks_mut(side).with_min_len(ROWS).enumerate().for_each(|(i, row)| {
        for ((x, v), t) in row[first..].iter_mut().zip(vector).zip(&turned) {
            *x -= vector[i] * t + turned[i] * v;
        }
    });
}

/// The product of all reflections, transposed: `[side, side]`.
fn expand(reflections: &[Reflection], side: usize) -> Vec<f64> {
    let mut rows = vec![0.0; side * side];
    (0..side).for_each(|i| rows[i * side + i] = 1.0);
    rows.par_chunks_mut(side.max(1)).for_each(|row| {
        for (k, Reflection { vector, factor }) in reflections.iter().enumerate().rev() {
            let last = &mut row[k + 1..];
            let along = factor * dot(last, vector);
            last.iter_mut().zip(vector).for_each(|(x, v)| *x -= along * v);
        }
    });
    rows
}

/// QR steps until the side diagonal is gone; `vectors` has one row an eigenvalue, or is empty.
fn diagonalise(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64]) {
    let mut last = diagonal.len().saturating_sub(1);
    let mut budget = MOST_STEPS * diagonal.len();
    while last > 0 && budget > 0 {
        let negligible = |i: usize| beside[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs());
        if negligible(last - 1) {
            last -= 1;
            continue;
        }
        let first = (0..last).rev().find(|&i| negligible(i)).map_or(0, |i| i + 1);
        qr_step(diagonal, beside, vectors, first, last);
        budget -= 1;
    }
    if budget == 0 {
        diagonal.fill(f64::NAN);
    }
}

fn qr_step(diagonal: &mut [f64], beside: &mut [f64], vectors: &mut [f64], first: usize, last: usize) {
    let side = diagonal.len();
    let half = (diagonal[last - 1] - diagonal[last]) / 2.0;
    let corner = beside[last - 1];
    let shift = diagonal[last] - corner * corner / (half + half.hypot(corner).copysign(half));
    let (mut x, mut bulge) = (diagonal[first] - shift, beside[first]);
    for k in first..last {
        let length = x.hypot(bulge);
        let (c, s) = if length > 0.0 { (x / length, bulge / length) } else { (1.0, 0.0) };
        if k > first {
            beside[k - 1] = length;
        }
        let (upper, lower, side_value) = (diagonal[k], diagonal[k + 1], beside[k]);
        diagonal[k] = c * c * upper + 2.0 * c * s * side_value + s * s * lower;
        diagonal[k + 1] = s * s * upper - 2.0 * c * s * side_value + c * c * lower;
        beside[k] = c * s * (lower - upper) + (c * c - s * s) * side_value;
        if k + 1 < last {
            (x, bulge) = (beside[k], s * beside[k + 1]);
            beside[k + 1] *= c;
        }
        if !vectors.is_empty() {
            let (above, below) = vectors[k * side..(k + 2) * side].split_at_mut(side);
            rotate(above, below, c, s);
        }
    }
}

fn rotate(above: &mut [f64], below: &mut [f64], c: f64, s: f64) {
    for (a, b) in above.iter_mut().zip(below) {
        (*a, *b) = (c * *a + s * *b, c * *b - s * *a);
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Four sums side by side, which the compiler keeps in vector registers.
    let mut sums = [0.0; 4];
    let (a_blocks, b_blocks) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for i in 0..4 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    #[test]
    fn vectors_are_orthonormal_and_rebuild_the_matrix() {
        for side in [1usize, 2, 3, 7, 90] {
            let mut random = rng::stream(1, "test", &[side as u64]);
            let mut matrix = vec![0.0; side * side];
            for i in 0..side {
                for j in 0..=i {
                    let x = f64::from(rng::normal(&mut random));
                    (matrix[i * side + j], matrix[j * side + i]) = (x, x);
                }
            }
            let Eigen { values, vectors } = symmetric(matrix.clone(), side, true);
            assert!(values.is_sorted_by(|a, b| a >= b));
            for i in 0..side {
                for j in 0..side {
                    let rebuilt: f64 =
                        (0..side).map(|k| values[k] * vectors[k * side + i] * vectors[k * side + j]).sum();
                    assert!((rebuilt - matrix[i * side + j]).abs() < 1e-12 * side as f64, "{side} {i} {j}");
                    let product = dot(&vectors[i * side..(i + 1) * side], &vectors[j * side..(j + 1) * side]);
                    assert!((product - f64::from(i == j)).abs() < 1e-12 * side as f64);
                }
            }
        }
    }

    #[test]
    fn a_matrix_with_nan_ends() {
        assert!(symmetric(vec![f64::NAN; 25], 5, true).values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn equal_and_zero_eigenvalues() {
        let Eigen { values, .. } = symmetric(vec![0.0; 16], 4, true);
        assert_eq!(values, [0.0; 4]);
        let ones = symmetric(vec![1.0; 16], 4, true).values;
        assert!((ones[0] - 4.0).abs() < 1e-14 && ones[1..].iter().all(|value| value.abs() < 1e-14), "{ones:?}");
    }
}
