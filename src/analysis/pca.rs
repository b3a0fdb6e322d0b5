//! Principal component analysis, as scikit-learn's `PCA` with its full solver.

use crate::analysis::eigen::{self, Eigen, dot};
use crate::analysis::{Features, gram};
use crate::base::matmul::{Matrix, multiply};
use crate::base::rng;
use rayon::prelude::*;

/// Up to this side, a matrix of products is decomposed whole; above it, by subspace iteration.
const SMALL: usize = 256;

/// Subspace iteration ends when what is left of each wanted vector is below this part of the largest eigenvalue.
const TOLERANCE: f64 = 1e-8;

/// Most iterations; a handful is usual.
const MOST_ITERATIONS: usize = 60;

/// Products of an iteration. So many multiply a direction just above the unwanted ones as much as hundreds of plain
/// products would.
const MOST_DEGREE: f64 = 12.0;

/// How much more than the last wanted direction an iteration may favor the first: what is left of working precision
/// after it has to do for the last one.
const MOST_FAVOUR: f64 = 1e6;

/// Rows that one thread works on at a time.
const BLOCK: usize = 64;

/// Rows that are made orthonormal together.
const GROUP: usize = 16;

/// The first principal components of some features.
#[derive(Clone, Debug, PartialEq)]
pub struct PrincipalComponents {
    /// Components asked for.
    pub count: usize,
    /// `[rows, count]`: the features in terms of the components; 0 for components that the features do not have.
    /// Each component's sign makes its largest coefficient (in absolute value) positive, as in scikit-learn.
    pub points: Vec<f32>,
    /// Variance along each component (divided by rows - 1), the largest first.
    pub explained_variance: Vec<f64>,
    /// The same as a part of the whole variance.
    pub explained_variance_ratio: Vec<f64>,
}

/// The first `count` principal components. Computed in 64 bits from the products of rows or of columns, whichever are
/// fewer; the same for any number of threads. Features that are not finite give NaN.
pub fn principal_components(features: Features<'_>, count: usize) -> PrincipalComponents {
    let Features { rows, width, .. } = features;
    if rows == 0 || width == 0 {
        let (points, nothing) = (vec![0.0; rows * count], vec![0.0; count]);
        return PrincipalComponents {
            count,
            points,
            explained_variance: nothing.clone(),
            explained_variance_ratio: nothing,
        };
    }
    let centered = centered(features);
    let by_rows = rows < width;
    let side = rows.min(width);
    let products =
        if by_rows { gram::of_rows(&centered, rows, width) } else { gram::of_columns(&centered, rows, width) };
    let total: f64 = (0..side).map(|i| products[i * side + i]).sum();
    let Eigen { values, vectors } = largest(products, side, count.min(side));
    let projected = if by_rows {
        from_row_vectors(&centered, rows, width, &values, &vectors)
    } else {
        from_column_vectors(&centered, rows, width, &vectors)
    };
    let freedom = rows.saturating_sub(1).max(1) as f64;
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
        explained_variance: found.iter().map(|value| value / freedom).collect(),
        explained_variance_ratio: found.iter().map(|value| if total == 0.0 { 0.0 } else { value / total }).collect(),
    }
}

fn centered(features: Features<'_>) -> Vec<f64> {
    let width = features.width;
    let mut values: Vec<f64> = features.values.iter().map(|&x| f64::from(x)).collect();
    let mut mean = vec![0.0; features.width];
    values.chunks(width).for_each(|row| mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
    mean.iter_mut().for_each(|sum| *sum /= features.rows as f64);
    values.par_chunks_mut(width).for_each(|row| row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean));
    values
}

/// `[rows, count]` from eigenvectors of the columns' products, `[count, width]`.
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
        .for_each(|(points, some)| multiply(Matrix::new(some, some.len() / width, width), components, false, points));
    points
}

/// `[rows, count]` from eigenvectors of the rows' products, `[count, rows]`.
fn from_row_vectors(centered: &[f64], rows: usize, width: usize, values: &[f64], vectors: &[f64]) -> Vec<f64> {
    let count = values.len();
    let mut components = vec![0.0; count * width];
    multiply(Matrix::new(vectors, count, rows), Matrix::new(centered, rows, width), false, &mut components);
    let mut points = vec![0.0; rows * count];
    for (k, (component, vector)) in components.chunks(width).zip(vectors.chunks(rows)).enumerate() {
        let length = sign(component) * if values[k] < 0.0 { 0.0 } else { values[k].sqrt() };
        vector.iter().enumerate().for_each(|(row, x)| points[row * count + k] = length * x);
    }
    points
}

/// The sign of the coefficient that is largest in absolute value.
fn sign(component: &[f64]) -> f64 {
    let largest = component.iter().fold(0.0f64, |most, &x| if x.abs() > most.abs() { x } else { most });
    if largest < 0.0 { -1.0 } else { 1.0 }
}

/// The `count` largest eigenvalues and their vectors, `[count, side]`.
fn largest(products: Vec<f64>, side: usize, count: usize) -> Eigen {
    let mut eigen = if side <= SMALL || 2 * count > side {
        eigen::symmetric(products, side, true)
    } else {
        subspace_iteration(&products, side, count)
    };
    eigen.values.truncate(count);
    eigen.vectors.truncate(count * side);
    eigen
}

/// Subspace iteration with a Rayleigh-Ritz step each time, on more vectors than are wanted, and Chebyshev polynomials
/// that keep down what lies below the smallest of them (Zhou, Saad, Tiago and Chelikowsky 2006).
fn subspace_iteration(products: &[f64], side: usize, count: usize) -> Eigen {
    let vectors = (count + count.max(16)).min(side);
    let mut random = rng::stream(0, "principal components", &[]);
    let start: Vec<f64> = (0..vectors * side).map(|_| f64::from(rng::normal(&mut random))).collect();
    let mut basis = times(&start, vectors, products, side);
    let mut values = Vec::new();
    for left in (0..MOST_ITERATIONS).rev() {
        orthonormalize(&mut basis, side);
        let image = times(&basis, vectors, products, side);
        let mut small = vec![0.0; vectors * vectors];
        let turned = Matrix::new(&basis, vectors, side).transposed();
        multiply(Matrix::new(&image, vectors, side), turned, false, &mut small);
        let ritz = eigen::symmetric(small, vectors, true);
        values = ritz.values;
        basis = times(&ritz.vectors, vectors, &basis, side);
        let image = times(&ritz.vectors, vectors, &image, side);
        if left == 0 || converged(&basis, &image, &values, side, count) {
            break;
        }
        basis = filtered(products, basis, image, side, &values, count);
    }
    Eigen { values, vectors: basis }
}

/// The Chebyshev polynomial of the products, with the interval from 0 to the smallest value, times the basis; `image`
/// is the products times the basis.
fn filtered(products: &[f64], basis: Vec<f64>, image: Vec<f64>, side: usize, values: &[f64], count: usize) -> Vec<f64> {
    let (rows, bound) = (values.len(), values[values.len() - 1]);
    let growth = |value: f64| (2.0 * value / bound - 1.0).max(1.0).acosh();
    let degree = MOST_FAVOUR.ln() / (growth(values[0]) - growth(values[count - 1]));
    // Without a positive bound there is nothing to keep down (and no number to divide by).
    if bound.is_nan() || bound <= f64::EPSILON * values[0] || degree < 2.0 {
        return image;
    }
    let shifted = |image: &[f64], own: &[f64]| image.iter().zip(own).map(|(i, o)| 2.0 / bound * i - o).collect();
    let (mut before, mut now): (Vec<f64>, Vec<f64>) = (Vec::new(), basis);
    let mut next: Vec<f64> = shifted(&image, &now);
    for _ in 1..degree.min(MOST_DEGREE) as usize {
        (before, now) = (now, next);
        next = shifted(&times(&now, rows, products, side), &now);
        next.iter_mut().zip(&before).for_each(|(next, before)| *next = 2.0 * *next - before);
    }
    drop(before);
    next
}

/// Whether `image - value * vector` is small for each wanted vector; a NaN ends it too.
fn converged(vectors: &[f64], images: &[f64], values: &[f64], side: usize, count: usize) -> bool {
    let allowed = TOLERANCE * values[0].abs();
    let rows = vectors.chunks(side).zip(images.chunks(side)).zip(values);
    rows.take(count).all(|((vector, image), value)| {
        let rest = vector.iter().zip(image).map(|(v, i)| (i - value * v).powi(2)).sum::<f64>().sqrt();
        rest.is_nan() || rest <= allowed
    })
}

/// `left * right`, `left` being `[rows, inner]` and `right` `[inner, columns]`, on rayon's threads.
fn times(left: &[f64], rows: usize, right: &[f64], columns: usize) -> Vec<f64> {
    let inner = left.len() / rows;
    let right = Matrix::new(right, inner, columns);
    let mut product = vec![0.0; rows * columns];
    product.par_chunks_mut(BLOCK * columns).zip(left.par_chunks(BLOCK * inner)).for_each(|(product, some)| {
        multiply(Matrix::new(some, some.len() / inner, inner), right, false, product);
    });
    product
}

/// Gram-Schmidt on rows, twice, which is enough for working precision; whole groups of rows against those before.
fn orthonormalize(rows: &mut [f64], side: usize) {
    for first in (0..rows.len() / side).step_by(GROUP) {
        let (before, rest) = rows.split_at_mut(first * side);
        let own_length = (GROUP * side).min(rest.len());
        let own = &mut rest[..own_length];
        for _ in 0..2 {
            remove(own, before, side);
            orthonormalize_group(own, side);
        }
    }
}

/// Takes what lies along the rows of `before`, orthonormal, out of the rows of `own`.
fn remove(own: &mut [f64], before: &[f64], side: usize) {
    let (count, others) = (own.len() / side, before.len() / side);
    if others == 0 {
        return;
    }
    let before = Matrix::new(before, others, side);
    let mut along = vec![0.0; count * others];
    multiply(Matrix::new(own, count, side), before.transposed(), false, &mut along);
    along.iter_mut().for_each(|x| *x = -*x);
    multiply(Matrix::new(&along, count, others), before, true, own);
}

fn orthonormalize_group(rows: &mut [f64], side: usize) {
    for k in 0..rows.len() / side {
        let (before, own) = rows.split_at_mut(k * side);
        let own = &mut own[..side];
        for other in before.chunks(side) {
            let along = dot(own, other);
            own.iter_mut().zip(other).for_each(|(x, o)| *x -= along * o);
        }
        let length = dot(own, own).sqrt();
        // A vector that lies in the span of the others is of no use; zero keeps it out of the way.
        let factor = if length > f64::MIN_POSITIVE { 1.0 / length } else { 0.0 };
        own.iter_mut().for_each(|x| *x *= factor);
    }
}
