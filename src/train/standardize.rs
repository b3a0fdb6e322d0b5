//! Bringing features to mean 0 and standard deviation 1, and folding that into a classifier.

use crate::analysis::Features;
use crate::train::softmax::SoftmaxClassifier;

/// Mean and standard deviation of each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Standardizer {
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// Standard deviation of each column (divided by the number of rows); 1 for a column that does not vary.
    pub deviation: Vec<f64>,
}

impl Standardizer {
    /// Measures the columns, as scikit-learn's `StandardScaler`.
    pub fn fit(features: Features<'_>) -> Self {
        let centering = Self::centering(features);
        let mut squares = vec![0.0f64; features.width];
        for row in 0..features.rows {
            let centered = features.row(row).iter().zip(&centering.mean).map(|(&x, mean)| f64::from(x) - mean);
            squares.iter_mut().zip(centered).for_each(|(sum, x)| *sum += x * x);
        }
        // Rounding leaves a column of equal numbers with a spread far below what 32 bits can tell apart.
        let varies = |deviation: f64, mean: f64| deviation > f64::from(f32::EPSILON) * mean.abs();
        let deviation = squares.iter().zip(&centering.mean).map(|(squares, &mean)| {
            let deviation = (squares / features.rows.max(1) as f64).sqrt();
            if varies(deviation, mean) { deviation } else { 1.0 }
        });
        Self { deviation: deviation.collect(), ..centering }
    }

    /// Measures the means alone, with standard deviations of 1: for a classifier with biases that are not penalized,
    /// the same as leaving the features as they are.
    pub fn centering(features: Features<'_>) -> Self {
        let mut mean = vec![0.0f64; features.width];
        for row in 0..features.rows {
            mean.iter_mut().zip(features.row(row)).for_each(|(sum, &x)| *sum += f64::from(x));
        }
        mean.iter_mut().for_each(|sum| *sum /= features.rows.max(1) as f64);
        Self { mean, deviation: vec![1.0; features.width] }
    }

    /// Standardizes rows in place, in 32 bits; `values` is `[rows, columns]`.
    pub fn apply(&self, values: &mut [f32]) {
        for row in values.chunks_mut(self.mean.len().max(1)) {
            for ((x, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *x = (*x - *mean as f32) / *deviation as f32;
            }
        }
    }

    /// Standardized rows in 64 bits, `[rows, columns]`.
    pub fn standardized(&self, features: Features<'_>) -> Vec<f64> {
        let column = |i: usize| i % self.mean.len();
        let standardized = |(i, &x): (usize, &f32)| (f64::from(x) - self.mean[column(i)]) / self.deviation[column(i)];
        features.values.iter().enumerate().map(standardized).collect()
    }

    /// The classifier of features as they are that does what `weights`, `[columns, classes]`, and `biases`,
    /// `[classes]`, do on standardized features; in 64 bits, rounded to 32 at the end.
    pub fn fold(&self, weights: &[f64], biases: &[f64]) -> SoftmaxClassifier {
        let classes = biases.len();
        let mut folded_biases = biases.to_vec();
        let mut folded_weights = Vec::with_capacity(weights.len());
        for ((row, mean), deviation) in weights.chunks(classes.max(1)).zip(&self.mean).zip(&self.deviation) {
            for (weight, bias) in row.iter().zip(&mut folded_biases) {
                // The bias makes up for what rounding the weight does to the mean.
                let weight = (weight / deviation) as f32;
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
    fn columns_get_mean_zero_and_deviation_one() {
        let mut values = vec![1.0, 0.1, 3.0, 0.1, 5.0, 0.1];
        let standardizer = Standardizer::fit(Features::new(3, 2, &values));
        assert_eq!(standardizer.mean, [3.0, f64::from(0.1f32)]);
        assert_eq!(standardizer.deviation, [(8.0f64 / 3.0).sqrt(), 1.0]);
        standardizer.apply(&mut values);
        let high = 1.5f32.sqrt();
        for (got, wanted) in values.iter().zip([-high, 0.0, 0.0, 0.0, high, 0.0]) {
            assert!((got - wanted).abs() < 1e-6);
        }
    }

    #[test]
    fn a_folded_classifier_scores_features_as_the_other_does_standardized_ones() {
        let values = [1.0f32, 40.0, 3.0, 10.0, 5.0, -20.0];
        let features = Features::new(3, 2, &values);
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
        let wanted = plain.logits(Features::new(3, 2, &standardized));
        for (got, wanted) in folded.logits(features).iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-5, "{got} and {wanted}");
        }
        let rows: Vec<f64> = standardized.iter().map(|&x| f64::from(x)).collect();
        let exact = standardizer.standardized(features);
        assert!(rows.iter().zip(exact).all(|(got, wanted)| (got - wanted).abs() < 1e-6));
    }
}
