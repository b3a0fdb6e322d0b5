//! All principal axes of centered features: a rotation that makes the columns uncorrelated.

use crate::analysis::eigen::{self, Eigen};
use crate::analysis::gram;
use crate::base::matmul::{Matrix, gemm};
use rayon::prelude::*;

/// Axes whose sum of squares is below this fraction of the largest are rounding errors.
const RANK_TOLERANCE: f64 = 1e-13;

/// Rows per task.
const BLOCK: usize = 256;

/// Principal axes of centered features, and the coordinates of the features along them.
#[derive(Clone, Debug)]
pub(crate) struct PrincipalAxes {
    /// Number of axes: at most the width and the number of rows.
    pub count: usize,
    /// Sum of squares along each axis, the largest first.
    pub squares: Vec<f64>,
    /// `[count, width]`: one axis of norm 1 per row.
    pub axes: Vec<f64>,
    /// `[rows, count]`: coordinates of the features along the axes.
    pub points: Vec<f64>,
}

/// Rotates `centered`, `[rows, width]`, to its principal axes, from the Gram matrix of rows or of columns, whichever is
/// smaller. The result does not depend on the number of threads.
pub(crate) fn principal_axes(centered: &[f64], rows: usize, width: usize) -> PrincipalAxes {
    let by_rows = rows < width;
    let side = rows.min(width);
    let gram = if by_rows { gram::of_rows(centered, rows, width) } else { gram::of_columns(centered, rows, width) };
    let Eigen { values, vectors } = eigen::symmetric(gram, side, true);
    let threshold = RANK_TOLERANCE * values.first().copied().unwrap_or(0.0);
    // NaN axes are kept, so that features that are not finite lead to a loss that is not finite.
    let count = values.iter().take_while(|&&value| value.is_nan() || value > threshold).count();
    let (squares, vectors) = (values[..count].to_vec(), &vectors[..count * side]);
    let axes = if by_rows { axes_of_rows(centered, (rows, width), &squares, vectors) } else { vectors.to_vec() };
    let points = points(centered, width, &axes, count);
    PrincipalAxes { count, squares, axes, points }
}

/// Returns the axes, `[count, width]`, from eigenvectors of the Gram matrix of rows, `[count, rows]`.
fn axes_of_rows(centered: &[f64], (rows, width): (usize, usize), squares: &[f64], vectors: &[f64]) -> Vec<f64> {
    let table = Matrix::new(centered, rows, width);
    let mut axes = vec![0.0; squares.len() * width];
    axes.par_chunks_mut(width).zip(vectors.par_chunks(rows.max(1))).zip(squares).for_each(
        |((axis, vector), square)| {
            gemm(Matrix::new(vector, 1, rows), table, false, axis);
            axis.iter_mut().for_each(|x| *x /= square.sqrt());
        },
    );
    axes
}

fn points(centered: &[f64], width: usize, axes: &[f64], count: usize) -> Vec<f64> {
    let mut points = vec![0.0; centered.len() / width.max(1) * count];
    let axes = Matrix::new(axes, count, width).transposed();
    points
        .par_chunks_mut((BLOCK * count).max(1))
        .zip(centered.par_chunks((BLOCK * width).max(1)))
        .for_each(|(points, some)| gemm(Matrix::new(some, some.len() / width, width), axes, false, points));
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    #[test]
    fn axes_are_orthonormal_and_points_reconstruct_the_features() {
        for (rows, width) in [(40, 7), (7, 40), (1, 5), (600, 3)] {
            let mut random = rng::stream(1, "test", &[rows as u64]);
            let table: Vec<f64> = (0..rows * width).map(|_| f64::from(rng::normal(&mut random))).collect();
            let PrincipalAxes { count, axes, points, squares } = principal_axes(&table, rows, width);
            assert_eq!(count, rows.min(width));
            for i in 0..count {
                let (axis, along) = (&axes[i * width..][..width], (0..rows).map(|row| points[row * count + i].powi(2)));
                assert!((eigen::dot(axis, axis) - 1.0).abs() < 1e-10, "{rows} {width}");
                assert!((along.sum::<f64>() / squares[i] - 1.0).abs() < 1e-10);
            }
            for (row, expected) in table.chunks(width).enumerate() {
                for (column, expected) in expected.iter().enumerate() {
                    let reconstructed: f64 =
                        (0..count).map(|i| points[row * count + i] * axes[i * width + column]).sum();
                    assert!((reconstructed - expected).abs() < 1e-10);
                }
            }
        }
    }

    #[test]
    fn dependent_columns_have_no_axis() {
        let table: Vec<f64> = (0..10).flat_map(|i| [f64::from(i), 2.0 * f64::from(i), 0.0]).collect();
        assert_eq!(principal_axes(&table, 10, 3).count, 1);
        assert_eq!(principal_axes(&[0.0; 6], 2, 3).count, 0);
        assert_eq!(principal_axes(&[], 0, 3).count, 0);
    }
}
