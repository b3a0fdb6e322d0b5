//! Principal component analysis, as scikit-learn's `PCA` with `svd_solver = "full"`.

use crate::analysis::eigen::{self, Eigen, dot};
use crate::analysis::{FeatureMatrix, gram};
use crate::base::matmul::{Matrix, gemm};
use crate::base::rng;
use rayon::prelude::*;

/// Up to this size, the Gram matrix is decomposed in full; above it, by subspace iteration.
const MAX_FULL_SIDE: usize = 256;

/// Subspace iteration ends when the residual of each requested vector is below this fraction of the largest eigenvalue.
const TOLERANCE: f64 = 1e-8;

/// Maximum number of iterations; a handful is usual.
const MAX_ITERATIONS: usize = 60;

/// Maximum degree of the Chebyshev polynomial, the number of matrix products per iteration. It amplifies a direction
/// just above the unwanted ones as much as hundreds of power iterations.
const MAX_DEGREE: f64 = 12.0;

/// Maximum amplification of the first requested direction relative to the last one; it costs the last one that much of
/// its precision.
const MAX_AMPLIFICATION_RATIO: f64 = 1e6;

/// Rows per task.
const BLOCK: usize = 64;

/// Rows orthonormalized together.
const GROUP: usize = 16;

/// Features in terms of their first principal components, and the variance along each.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalComponents {
    /// Number of components requested.
    pub count: usize,
    /// `[rows, count]`: coordinates of the features; 0 for components beyond the rank limit `min(rows, width)`. The
    /// sign of a component makes its largest coefficient by absolute value positive, as in scikit-learn.
    pub points: Vec<f32>,
    /// Variance along each component (sum of squares divided by rows - 1), in descending order.
    pub explained_variance: Vec<f64>,
    /// The same as a fraction of the total variance.
    pub explained_variance_ratio: Vec<f64>,
}

/// Computes the first `count` principal components in f64 from the Gram matrix of rows or of columns, whichever is
/// smaller. The result does not depend on the number of threads. Features that are not finite give NaN.
pub fn principal_components(features: FeatureMatrix<'_>, count: usize) -> PrincipalComponents {
    let FeatureMatrix { rows, width, .. } = features;
    if rows == 0 || width == 0 {
        let (points, zeros) = (vec![0.0; rows * count], vec![0.0; count]);
        return PrincipalComponents {
            count,
            points,
            explained_variance: zeros.clone(),
            explained_variance_ratio: zeros,
        };
    }
    let centered = centered(features);
    let by_rows = rows < width;
    let side = rows.min(width);
    let gram = if by_rows { gram::of_rows(&centered, rows, width) } else { gram::of_columns(&centered, rows, width) };
    let total: f64 = (0..side).map(|i| gram[i * side + i]).sum();
    let Eigen { values, vectors } = largest(gram, side, count.min(side));
    let projected = if by_rows {
        from_row_vectors(&centered, rows, width, &values, &vectors)
    } else {
        from_column_vectors(&centered, rows, width, &vectors)
    };
    let degrees_of_freedom = rows.saturating_sub(1).max(1) as f64;
    let mut found: Vec<f64> = values.iter().map(|&value| if value < 0.0 { 0.0 } else { value }).collect();
    let present = found.len();
    found.resize(count, 0.0);
    let mut points = vec![0.0; rows * count];
    for (row, projected) in points.chunks_mut(count.max(1)).zip(projected.chunks(present.max(1))) {
        row.iter_mut().zip(projected).for_each(|(point, &value)| *point = value as f32);
    }
    PrincipalComponents {
        count,
        points,
        explained_variance: found.iter().map(|value| value / degrees_of_freedom).collect(),
        explained_variance_ratio: found.iter().map(|value| if total == 0.0 { 0.0 } else { value / total }).collect(),
    }
}

fn centered(features: FeatureMatrix<'_>) -> Vec<f64> {
    let width = features.width;
    let mut values: Vec<f64> = features.values.iter().map(|&x| f64::from(x)).collect();
    let mut mean = vec![0.0; features.width];
    values.chunks(width).for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
    mean.iter_mut().for_each(|sum| *sum /= features.rows as f64);
    values.par_chunks_mut(width).for_each(|row| row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean));
    values
}

/// Returns points, `[rows, count]`, from eigenvectors of the Gram matrix of columns, `[count, width]`.
fn from_column_vectors(centered: &[f64], rows: usize, width: usize, vectors: &[f64]) -> Vec<f64> {
    let count = vectors.len() / width;
    let mut components = vectors.to_vec();
    for component in components.chunks_mut(width) {
        let sign = sign(component);
        component.iter_mut().for_each(|x| *x *= sign);
    }
    let mut points = vec![0.0; rows * count];
    let components = Matrix::new(&components, count, width).transposed();
    points
        .par_chunks_mut((BLOCK * count).max(1))
        .zip(centered.par_chunks(BLOCK * width))
        .for_each(|(points, some)| gemm(Matrix::new(some, some.len() / width, width), components, false, points));
    points
}

/// Returns points, `[rows, count]`, from eigenvectors of the Gram matrix of rows, `[count, rows]`.
fn from_row_vectors(centered: &[f64], rows: usize, width: usize, values: &[f64], vectors: &[f64]) -> Vec<f64> {
    let count = values.len();
    let mut components = vec![0.0; count * width];
    gemm(Matrix::new(vectors, count, rows), Matrix::new(centered, rows, width), false, &mut components);
    let mut points = vec![0.0; rows * count];
    for (k, (component, vector)) in components.chunks(width).zip(vectors.chunks(rows)).enumerate() {
        let scale = sign(component) * if values[k] < 0.0 { 0.0 } else { values[k].sqrt() };
        vector.iter().enumerate().for_each(|(row, x)| points[row * count + k] = scale * x);
    }
    points
}

/// Returns the sign of the coefficient with the largest absolute value.
fn sign(component: &[f64]) -> f64 {
    let largest = component.iter().fold(0.0f64, |max, &x| if x.abs() > max.abs() { x } else { max });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

/// Returns the `count` largest eigenvalues and their vectors, `[count, side]`.
fn largest(gram: Vec<f64>, side: usize, count: usize) -> Eigen {
    let mut eigen = if side <= MAX_FULL_SIDE || 2 * count > side {
        eigen::symmetric(gram, side, true)
    } else {
        subspace_iteration(&gram, side, count)
    };
    eigen.values.truncate(count);
    eigen.vectors.truncate(count * side);
    eigen
}

/// Subspace iteration with Rayleigh-Ritz steps on more vectors than requested, and a Chebyshev filter that damps the
/// eigenvalues below the smallest of them (Zhou, Saad, Tiago and Chelikowsky 2006).
fn subspace_iteration(gram: &[f64], side: usize, count: usize) -> Eigen {
    let vectors = (count + count.max(16)).min(side);
    let mut random = rng::stream(0, "principal components", &[]);
    let start: Vec<f64> = (0..vectors * side).map(|_| f64::from(rng::normal(&mut random))).collect();
    let mut basis = matmul(&start, vectors, gram, side);
    let mut values = Vec::new();
    for remaining in (0..MAX_ITERATIONS).rev() {
        orthonormalize(&mut basis, side);
        let image = matmul(&basis, vectors, gram, side);
        let mut small = vec![0.0; vectors * vectors];
        let transposed = Matrix::new(&basis, vectors, side).transposed();
        gemm(Matrix::new(&image, vectors, side), transposed, false, &mut small);
        let ritz = eigen::symmetric(small, vectors, true);
        values = ritz.values;
        basis = matmul(&ritz.vectors, vectors, &basis, side);
        let image = matmul(&ritz.vectors, vectors, &image, side);
        if remaining == 0 || converged(&basis, &image, &values, side, count) {
            break;
        }
        basis = chebyshev_filter(gram, basis, image, side, &values, count);
    }
    Eigen { values, vectors: basis }
}

/// Applies the Chebyshev polynomial of the matrix, with the interval from 0 to the smallest Ritz value, to the basis;
/// `image` is the matrix times the basis.
fn chebyshev_filter(
    gram: &[f64],
    basis: Vec<f64>,
    image: Vec<f64>,
    side: usize,
    values: &[f64],
    count: usize,
) -> Vec<f64> {
    let (rows, bound) = (values.len(), values[values.len() - 1]);
    let growth = |value: f64| (2.0 * value / bound - 1.0).max(1.0).acosh();
    let degree = MAX_AMPLIFICATION_RATIO.ln() / (growth(values[0]) - growth(values[count - 1]));
    // Without a positive bound there is nothing to damp, and nothing to divide by.
    if bound.is_nan() || bound <= f64::EPSILON * values[0] || degree < 2.0 {
        return image;
    }
    let shifted = |image: &[f64], own: &[f64]| image.iter().zip(own).map(|(i, o)| 2.0 / bound * i - o).collect();
    let (mut before, mut now): (Vec<f64>, Vec<f64>) = (Vec::new(), basis);
    let mut next: Vec<f64> = shifted(&image, &now);
    for _ in 1..degree.min(MAX_DEGREE) as usize {
        (before, now) = (now, next);
        next = shifted(&matmul(&now, rows, gram, side), &now);
        next.iter_mut().zip(&before).for_each(|(next, before)| *next = 2.0 * *next - before);
    }
    drop(before);
    next
}

/// Returns whether `image - value * vector` is small for each requested vector; true for NaN, which cannot converge.
fn converged(vectors: &[f64], images: &[f64], values: &[f64], side: usize, count: usize) -> bool {
    let allowed = TOLERANCE * values[0].abs();
    let rows = vectors.chunks(side).zip(images.chunks(side)).zip(values);
    rows.take(count).all(|((vector, image), value)| {
        let residual = vector.iter().zip(image).map(|(v, i)| (i - value * v).powi(2)).sum::<f64>().sqrt();
        residual.is_nan() || residual <= allowed
    })
}

/// Returns `left * right` of `[rows, inner]` and `[inner, columns]`, in parallel.
fn matmul(left: &[f64], rows: usize, right: &[f64], columns: usize) -> Vec<f64> {
    let inner = left.len() / rows;
    let right = Matrix::new(right, inner, columns);
    let mut product = vec![0.0; rows * columns];
    product.par_chunks_mut(BLOCK * columns).zip(left.par_chunks(BLOCK * inner)).for_each(|(product, some)| {
        gemm(Matrix::new(some, some.len() / inner, inner), right, false, product);
    });
    product
}

/// Orthonormalizes rows by block Gram-Schmidt, twice per group of rows, which is enough for working precision.
fn orthonormalize(rows: &mut [f64], side: usize) {
    for first in (0..rows.len() / side).step_by(GROUP) {
        let (before, rest) = rows.split_at_mut(first * side);
        let own_length = (GROUP * side).min(rest.len());
        let own = &mut rest[..own_length];
        for _ in 0..2 {
            project_out(own, before, side);
            orthonormalize_group(own, side);
        }
    }
}

/// Subtracts from the rows of `own` their projections on the orthonormal rows of `before`.
fn project_out(own: &mut [f64], before: &[f64], side: usize) {
    let (count, others) = (own.len() / side, before.len() / side);
    if others == 0 {
        return;
    }
    let before = Matrix::new(before, others, side);
    let mut along = vec![0.0; count * others];
    gemm(Matrix::new(own, count, side), before.transposed(), false, &mut along);
    along.iter_mut().for_each(|x| *x = -*x);
    gemm(Matrix::new(&along, count, others), before, true, own);
}

fn orthonormalize_group(rows: &mut [f64], side: usize) {
    for k in 0..rows.len() / side {
        let (before, own) = rows.split_at_mut(k * side);
        let own = &mut own[..side];
        for other in before.chunks(side) {
            let along = dot(own, other);
            own.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
        }
        let norm = dot(own, own).sqrt();
        // A vector in the span of the others is useless and is set to zero.
        let factor = if norm > f64::MIN_POSITIVE { 1.0 / norm } else { 0.0 };
        own.iter_mut().for_each(|x| *x *= factor);
    }
}
