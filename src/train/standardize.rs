//! Standardization of features to mean 0 and standard deviation 1, and folding it into a classifier.

use crate::analysis::FeatureMatrix;
use crate::train::softmax::SoftmaxClassifier;

/// Mean and standard deviation of each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// Population standard deviation of each column; 1 for a constant column.
    pub std: Vec<f64>,
}

impl Standardizer {
    /// Computes means and standard deviations, as scikit-learn's `StandardScaler`.
    pub fn fit(features: FeatureMatrix<'_>) -> Self {
        let centering = Self::centering(features);
        let mut squares = vec![0.0f64; features.width];
        for row in 0..features.rows {
            let centered = features.row(row).iter().zip(&centering.mean).map(|(&x, mean)| f64::from(x) - mean);
            squares.iter_mut().zip(centered).for_each(|(sum, x)| *sum += x * x);
        }
        // Rounding leaves a constant column with a standard deviation far below f32 precision.
        let varies = |std: f64, mean: f64| std > f64::from(f32::EPSILON) * mean.abs();
        let std = squares.iter().zip(&centering.mean).map(|(squares, &mean)| {
            let std = (squares / features.rows.max(1) as f64).sqrt();
            if varies(std, mean) { std } else { 1.0 }
        });
        Self { std: std.collect(), ..centering }
    }

    /// Computes the means alone, with standard deviations of 1: for a classifier with unpenalized biases, this is
    /// equivalent to no standardization.
    pub fn centering(features: FeatureMatrix<'_>) -> Self {
        let mut mean = vec![0.0f64; features.width];
        for row in 0..features.rows {
            mean.iter_mut().zip(features.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean.iter_mut().for_each(|sum| *sum /= features.rows.max(1) as f64);
        Self { mean, std: vec![1.0; features.width] }
    }

    /// Standardizes `values`, `[rows, columns]`, in place in f32.
    pub fn apply(&self, values: &mut [f32]) {
        for row in values.chunks_mut(self.mean.len().max(1)) {
            for ((x, mean), std) in row.iter_mut().zip(&self.mean).zip(&self.std) {
                *x = (*x - *mean as f32) / *std as f32;
            }
        }
    }

    /// Returns standardized features in f64, `[rows, columns]`.
    pub fn standardized(&self, features: FeatureMatrix<'_>) -> Vec<f64> {
        let column = |i: usize| i % self.mean.len();
        let standardized = |(i, &x): (usize, &f32)| (f64::from(x) - self.mean[column(i)]) / self.std[column(i)];
        features.values.iter().enumerate().map(standardized).collect()
    }

    /// Folds the standardization into a classifier: returns the classifier of raw features that equals `weights`,
    /// `[columns, classes]`, and `biases`, `[classes]`, on standardized features. Computed in f64, rounded to f32.
    pub fn fold(&self, weights: &[f64], biases: &[f64]) -> SoftmaxClassifier {
        let classes = biases.len();
        let mut folded_biases = biases.to_vec();
        let mut folded_weights = Vec::with_capacity(weights.len());
        for ((row, mean), std) in weights.chunks(classes.max(1)).zip(&self.mean).zip(&self.std) {
            for (weight, bias) in row.iter().zip(&mut folded_biases) {
                // Using the rounded weight, the bias compensates its rounding error at the mean.
                let weight = (weight / std) as f32;
                *bias -= mean * f64::from(weight);
                folded_weights.push(weight);
            }
        }
        let biases = folded_biases.into_iter().map(|bias| bias as f32).collect();
        SoftmaxClassifier { width: self.mean.len(), classes, weights: folded_weights, biases }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_get_mean_zero_and_std_one() {
        let mut values = vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1];
        let standardizer = Standardizer::fit(FeatureMatrix::new(3, 2, &values));
        assert_eq!(standardizer.mean, [3.0, f64::from(0.1f32)]);
        assert_eq!(standardizer.std, [(8.0f64 / 3.0).sqrt(), 1.0]);
        standardizer.apply(&mut values);
        let high = 1.5f32.sqrt();
        for (got, expected) in values.iter().zip([-high, 0.0, 0.0, 0.0, high, 0.0]) {
            assert!((got - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_folded_classifier_on_raw_features_equals_the_original_on_standardized_ones() {
        let values = [1.0f32, 40.0, 3.0, 10.0, 5.0, -20.0];
        let features = FeatureMatrix::new(3, 2, &values);
        let standardizer = Standardizer::fit(features);
        let (weights, biases) = ([0.5, -1.5, 2.0, 0.25], [0.125, -3.0]);
        let folded = standardizer.fold(&weights, &biases);
        let plain = SoftmaxClassifier {
            width: 2,
            classes: 2,
            weights: weights.map(|weight| weight as f32).to_vec(),
            biases: biases.map(|bias| bias as f32).to_vec(),
        };
        let mut standardized = values;
        standardizer.apply(&mut standardized);
        let expected = plain.logits(FeatureMatrix::new(3, 2, &standardized));
        for (got, expected) in folded.logits(features).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-5, "{got} and {expected}");
        }
        let rows: Vec<f64> = standardized.iter().map(|&x| f64::from(x)).collect();
        let exact = standardizer.standardized(features);
        assert!(rows.iter().zip(exact).all(|(got, expected)| (got - expected).abs() < 1e-6));
    }
}
