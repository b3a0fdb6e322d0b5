//! Bringing features to mean 0 and standard deviation 1.

use crate::analysis::Features;
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of each column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    /// Mean of each column.
    pub mean: Vec<f32>,
    /// Standard deviation of each column (divided by the number of rows); 1 for a column that does not vary.
    pub deviation: Vec<f32>,
}

impl Standardizer {
    /// Measures the columns, as scikit-learn's `StandardScaler`.
    pub fn fit(features: Features<'_>) -> Self {
        let count = features.rows.max(1) as f64;
        let (mut sum, mut squares) = (vec![0.0f64; features.width], vec![0.0f64; features.width]);
        for row in 0..features.rows {
            sum.iter_mut().zip(features.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        let mean: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
        for row in 0..features.rows {
            let centred = features.row(row).iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean);
            squares.iter_mut().zip(centred).for_each(|(sum, x)| *sum += x * x);
        }
        // Rounding leaves a column of equal numbers with a spread far below what 32 bits can tell apart.
        let varies = |deviation: f64, mean: f64| deviation > f64::from(f32::EPSILON) * mean.abs();
        let deviation = squares.iter().zip(&mean).map(|(squares, &mean)| {
            let deviation = (squares / count).sqrt();
            if varies(deviation, mean) { deviation as f32 } else { 1.0 }
        });
        Self { deviation: deviation.collect(), mean: mean.iter().map(|&mean| mean as f32).collect() }
    }

    /// Standardises rows in place; `values` is `[rows, columns]`.
    pub fn apply(&self, values: &mut [f32]) {
        for row in values.chunks_mut(self.mean.len().max(1)) {
            for ((x, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *x = (*x - mean) / deviation;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_mean_zero_and_deviation_one() {
        let mut values = vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1];
        let standardizer = Standardizer::fit(Features::new(3, 2, &values));
        assert_eq!(standardizer.mean, [3.0, 0.1]);
        assert_eq!(standardizer.deviation, [(8.0f64 / 3.0).sqrt() as f32, 1.0]);
        standardizer.apply(&mut values);
        let high = 1.5f32.sqrt();
        for (got, wanted) in values.iter().zip([-high, 0.0, 0.0, 0.0, high, 0.0]) {
            assert!((got - wanted).abs() < 1e-6);
        }
    }
}
