//! A matrix of features, one row per image.

use crate::base::matmul::Matrix;
use rayon::prelude::*;

/// A borrowed `[rows, width]` matrix, row-major.
#[derive(Clone, Copy, Debug)]
pub struct FeatureMatrix<'a> {
    /// Number of images.
    pub rows: usize,
    /// Number of features per image.
    pub width: usize,
    /// `rows * width` values.
    pub values: &'a [f32],
}

impl<'a> FeatureMatrix<'a> {
    /// Creates a matrix over a slice.
    ///
    /// # Panics
    /// The slice is not `rows * width` long.
    pub fn new(rows: usize, width: usize, values: &'a [f32]) -> Self {
        assert_eq!(values.len(), rows * width, "features of {rows} rows and {width} columns");
        Self { rows, width, values }
    }

    /// Returns the features of one image.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// Returns the rows scaled to norm 1; rows of zeros stay zero.
    pub(crate) fn normalized_rows(&self) -> Vec<f32> {
        let mut unit = self.values.to_vec();
        unit.par_chunks_mut(self.width.max(1)).for_each(|row| {
            let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            if norm != 0.0 {
                row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
            }
        });
        unit
    }

    pub(super) fn matrix(&self) -> Matrix<'a, f32> {
        Matrix::new(self.values, self.rows, self.width)
    }
}
