//! Eigenvalues and eigenvectors of symmetric matrices: Householder reduction to tridiagonal form, then implicit QR
//! steps with Wilkinson shifts (Golub and Van Loan, Matrix Computations, sections 8.3.1 and 8.3.3).

use rayon::prelude::*;

/// Maximum number of QR steps per eigenvalue; a few are normal, and NaN never converges.
const MAX_QR_STEPS: usize = 60;

/// Minimum number of rows per task.
const MIN_TASK_ROWS: usize = 128;

/// Eigenvalues in descending order, and the eigenvectors in the same order.
pub(super) struct Eigen {
    pub(super) values: Vec<f64>,
    /// `[side, side]`: one eigenvector per row; empty if not requested.
    pub(super) vectors: Vec<f64>,
}

/// Decomposes a symmetric matrix, `[side, side]`.
pub(super) fn symmetric(mut matrix: Vec<f64>, side: usize, want_vectors: bool) -> Eigen {
    let reflections = tridiagonalize(&mut matrix, side);
    let mut diagonal: Vec<f64> = (0..side).map(|i| matrix[i * side + i]).collect();
    let mut off_diagonal: Vec<f64> = (1..side).map(|i| matrix[i * side + i - 1]).collect();
    let mut vectors = if want_vectors { accumulate(&reflections, side) } else { Vec::new() };
    diagonalize(&mut diagonal, &mut off_diagonal, &mut vectors);
    sorted(&diagonal, &vectors)
}

fn sorted(values: &[f64], vectors: &[f64]) -> Eigen {
    let side = values.len();
    let mut order: Vec<usize> = (0..side).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let rows = order.iter().filter_map(|&i| vectors.get(i * side..(i + 1) * side));
    Eigen { vectors: rows.flatten().copied().collect(), values: order.iter().map(|&i| values[i]).collect() }
}

/// The Householder reflection `I - factor * vector vector'` of the last coordinates.
struct Reflection {
    vector: Vec<f64>,
    factor: f64,
}

/// Reduces the matrix to tridiagonal form; the k-th reflection acts on the coordinates after k.
fn tridiagonalize(matrix: &mut [f64], side: usize) -> Vec<Reflection> {
    let mut reflections = Vec::new();
    for k in 0..side.saturating_sub(2) {
        let mut vector: Vec<f64> = (k + 1..side).map(|i| matrix[i * side + k]).collect();
        let norm = dot(&vector, &vector).sqrt();
        let off_diagonal = if vector[0] > 0.0 { -norm } else { norm };
        vector[0] -= off_diagonal;
        let squared_norm = dot(&vector, &vector);
        let factor = if squared_norm > 0.0 { 2.0 / squared_norm } else { 0.0 };
        let reflection = Reflection { vector, factor };
        reflect_both_sides(matrix, side, k + 1, &reflection);
        matrix[(k + 1) * side + k] = off_diagonal;
        reflections.push(reflection);
    }
    reflections
}

/// Applies the reflection from both sides to the submatrix from row and column `first` on.
fn reflect_both_sides(matrix: &mut [f64], side: usize, first: usize, reflection: &Reflection) {
    let Reflection { vector, factor } = reflection;
    let below = &mut matrix[first * side..];
    let mut image = vec![0.0; vector.len()];
    image.par_iter_mut().with_min_len(MIN_TASK_ROWS).enumerate().for_each(|(i, value)| {
        *value = factor * dot(&below[i * side + first..(i + 1) * side], vector);
    });
    let along = 0.5 * factor * dot(&image, vector);
    image.iter_mut().zip(vector).for_each(|(t, v)| *t -= along * v);
    below.par_chunks_mut(side).with_min_len(MIN_TASK_ROWS).enumerate().for_each(|(i, row)| {
        for ((x, v), t) in row[first..].iter_mut().zip(vector).zip(&image) {
            *x -= vector[i] * t + image[i] * v;
        }
    });
}

/// Returns the transposed product of all reflections, `[side, side]`.
fn accumulate(reflections: &[Reflection], side: usize) -> Vec<f64> {
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

/// Takes QR steps until the off-diagonal is negligible; `vectors` has one row per eigenvalue, or is empty.
fn diagonalize(diagonal: &mut [f64], off_diagonal: &mut [f64], vectors: &mut [f64]) {
    let mut last = diagonal.len().saturating_sub(1);
    let mut budget = MAX_QR_STEPS * diagonal.len();
    while last > 0 && budget > 0 {
        let negligible = |i: usize| off_diagonal[i].abs() <= f64::EPSILON * (diagonal[i].abs() + diagonal[i + 1].abs());
        if negligible(last - 1) {
            last -= 1;
            continue;
        }
        let first = (0..last).rev().find(|&i| negligible(i)).map_or(0, |i| i + 1);
        qr_step(diagonal, off_diagonal, vectors, first, last);
        budget -= 1;
    }
    if budget == 0 {
        diagonal.fill(f64::NAN);
    }
}

fn qr_step(diagonal: &mut [f64], off_diagonal: &mut [f64], vectors: &mut [f64], first: usize, last: usize) {
    let side = diagonal.len();
    let half = (diagonal[last - 1] - diagonal[last]) / 2.0;
    let corner = off_diagonal[last - 1];
    let shift = diagonal[last] - corner * corner / (half + half.hypot(corner).copysign(half));
    let (mut x, mut bulge) = (diagonal[first] - shift, off_diagonal[first]);
    for k in first..last {
        let norm = x.hypot(bulge);
        let (c, s) = if norm > 0.0 { (x / norm, bulge / norm) } else { (1.0, 0.0) };
        if k > first {
            off_diagonal[k - 1] = norm;
        }
        let (upper, lower, coupling) = (diagonal[k], diagonal[k + 1], off_diagonal[k]);
        diagonal[k] = c * c * upper + 2.0 * c * s * coupling + s * s * lower;
        diagonal[k + 1] = s * s * upper - 2.0 * c * s * coupling + c * c * lower;
        off_diagonal[k] = c * s * (lower - upper) + (c * c - s * s) * coupling;
        if k + 1 < last {
            (x, bulge) = (off_diagonal[k], s * off_diagonal[k + 1]);
            off_diagonal[k + 1] *= c;
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
    // Four independent sums, which the compiler keeps in vector registers.
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
    fn vectors_are_orthonormal_and_reconstruct_the_matrix() {
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
                    let reconstructed: f64 =
                        (0..side).map(|k| values[k] * vectors[k * side + i] * vectors[k * side + j]).sum();
                    assert!((reconstructed - matrix[i * side + j]).abs() < 1e-12 * side as f64, "{side} {i} {j}");
                    let product = dot(&vectors[i * side..(i + 1) * side], &vectors[j * side..(j + 1) * side]);
                    assert!((product - f64::from(i == j)).abs() < 1e-12 * side as f64);
                }
            }
        }
    }

    #[test]
    fn nan_terminates_with_nan_eigenvalues() {
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
