//! A table of features, one row an image.

use crate::base::matmul::Matrix;
use rayon::prelude::*;

/// `rows * width` numbers, rows one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Features<'a> {
    /// Images.
    pub rows: usize,
    /// Features of an image.
    pub width: usize,
    /// `rows * width` numbers.
    pub values: &'a [f32],
}

impl<'a> Features<'a> {
    /// A table over a slice.
    ///
    /// # Panics
    /// The slice is not `rows * width` long.
    pub fn new(rows: usize, width: usize, values: &'a [f32]) -> Self {
        assert_eq!(values.len(), rows * width, "features of {rows} rows and {width} columns");
        Self { rows, width, values }
    }

    /// One row.
    pub fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// The rows scaled to length 1; a row of zeros stays.
    pub fn unit_rows(&self) -> Vec<f32> {
        let mut unit = self.values.to_vec();
        unit.par_chunks_mut(self.width.max(1)).for_each(|row| {
            let length = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
            if length != 0.0 {
                row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
            }
        });
        unit
    }

    pub(super) fn matrix(&self) -> Matrix<'a, f32> {
        Matrix::new(self.values, self.rows, self.width)
    }
}
