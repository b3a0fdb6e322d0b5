//! The loss of multinomial logistic regression and its gradient.

use crate::base::matmul::{Matrix, gemm};
use rayon::prelude::*;

/// Maximum number of blocks of rows, one task each: enough for all threads, few enough to hold a gradient per block.
const MAX_BLOCKS: usize = 16;
/// Minimum number of rows per block.
const MIN_BLOCK_ROWS: usize = 64;

/// Mean cross-entropy of a linear classifier plus `penalty / 2` times the squared norm of its weights.
///
/// Parameters are `[columns, classes]`. The last column of `inputs` is 1, so the last row of the parameters is the
/// biases, which are not penalized. With `penalty = 1 / (C rows)` this is scikit-learn's
/// `C * sum of cross-entropies + 1/2 * squared norm of the weights`, divided by `C rows`. With class weights, as its
/// `class_weight`, the mean is a weighted one, and `rows` is the sum of the weights of the labels.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a> {
    /// `[rows, columns]`
    pub inputs: &'a [f64],
    /// Number of columns.
    pub columns: usize,
    /// `[rows]`: class of each row, below `classes`.
    pub labels: &'a [usize],
    /// Number of classes.
    pub classes: usize,
    /// Weight of half the squared norm.
    pub penalty: f64,
    /// Weight of each class in the mean; `None` if all are 1.
    pub class_weights: Option<&'a [f64]>,
}

impl Objective<'_> {
    /// Writes the gradient and returns the value. Blocks of rows have fixed bounds and are added in order, so the
    /// result is bitwise independent of the number of threads.
    pub fn evaluate(&self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let penalized = &parameters[..(self.columns - 1) * self.classes];
        gradient.fill(0.0);
        gradient.iter_mut().zip(penalized).for_each(|(g, w)| *g = self.penalty * w);
        let squares: f64 = penalized.iter().map(|w| w * w).sum();
        let blocks = self.blocks(parameters);
        let rows = self.total_weight();
        for (_, block) in &blocks {
            gradient.iter_mut().zip(block).for_each(|(g, value)| *g += value / rows);
        }
        blocks.iter().map(|(loss, _)| loss).sum::<f64>() / rows + 0.5 * self.penalty * squares
    }

    /// Returns the mean cross-entropy.
    pub fn cross_entropy(&self, parameters: &[f64]) -> f64 {
        self.blocks(parameters).iter().map(|(loss, _)| loss).sum::<f64>() / self.total_weight()
    }

    /// Returns the sum of the weights of the labels: the number of rows if all are 1.
    pub fn total_weight(&self) -> f64 {
        self.labels.iter().map(|label| self.weight(*label)).sum()
    }

    fn weight(&self, label: usize) -> f64 {
        self.class_weights.map_or(1.0, |weights| weights[label])
    }

    /// Returns the sum of the cross-entropies of each block of rows, and its gradient.
    fn blocks(&self, parameters: &[f64]) -> Vec<(f64, Vec<f64>)> {
        let rows = self.labels.len().div_ceil(MAX_BLOCKS).max(MIN_BLOCK_ROWS);
        let blocks = self.inputs.par_chunks(rows * self.columns).zip(self.labels.par_chunks(rows));
        blocks.map(|(inputs, labels)| self.block(inputs, labels, parameters)).collect()
    }

    fn block(&self, inputs: &[f64], labels: &[usize], parameters: &[f64]) -> (f64, Vec<f64>) {
        let inputs = Matrix::new(inputs, labels.len(), self.columns);
        let mut scores = vec![0.0; labels.len() * self.classes];
        gemm(inputs, Matrix::new(parameters, self.columns, self.classes), false, &mut scores);
        let losses = scores.chunks_mut(self.classes).zip(labels).map(|(row, &label)| {
            let (loss, weight) = (softmax_minus_label(row, label), self.weight(label));
            row.iter_mut().for_each(|value| *value *= weight);
            weight * loss
        });
        let loss = losses.sum();
        let mut gradient = vec![0.0; parameters.len()];
        gemm(inputs.transposed(), Matrix::new(&scores, labels.len(), self.classes), false, &mut gradient);
        (loss, gradient)
    }
}

/// Replaces scores by the gradient of their cross-entropy, softmax minus one-hot; returns the cross-entropy.
fn softmax_minus_label(scores: &mut [f64], label: usize) -> f64 {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let label_score = scores[label] - max;
    scores.iter_mut().for_each(|score| *score = (*score - max).exp());
    let total: f64 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
    scores[label] -= 1.0;
    total.ln() - label_score
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    #[test]
    fn the_gradient_matches_finite_differences() {
        let (rows, columns, classes) = (200, 5, 4);
        let mut random = rng::stream(1, "test", &[]);
        let mut inputs: Vec<f64> = (0..rows * columns).map(|_| f64::from(rng::normal(&mut random))).collect();
        inputs.iter_mut().skip(columns - 1).step_by(columns).for_each(|x| *x = 1.0);
        let labels: Vec<usize> = (0..rows).map(|_| rng::below(classes as u64, &mut random) as usize).collect();
        let objective = Objective {
            inputs: &inputs,
            columns,
            labels: &labels,
            classes,
            penalty: 0.1,
            class_weights: Some(&[0.5, 1.0, 2.0, 4.0]),
        };
        let parameters: Vec<f64> = (0..columns * classes).map(|_| f64::from(rng::normal(&mut random))).collect();
        let mut gradient = vec![f64::NAN; parameters.len()];
        objective.evaluate(&parameters, &mut gradient);
        let mut unused = gradient.clone();
        for i in 0..parameters.len() {
            let mut value = |offset: f64| {
                let mut moved = parameters.clone();
                moved[i] += offset;
                objective.evaluate(&moved, &mut unused)
            };
            let slope = (value(1e-5) - value(-1e-5)) / 2e-5;
            assert!((slope - gradient[i]).abs() < 1e-8, "{i}: {slope} and {}", gradient[i]);
        }
    }

    #[test]
    fn zero_weights_give_chance_loss_and_large_scores_do_not_overflow() {
        let objective =
            |inputs| Objective { inputs, columns: 2, labels: &[0, 1], classes: 2, penalty: 1.0, class_weights: None };
        let mut gradient = vec![0.0; 4];
        let value = objective(&[3.0, 1.0, 5.0, 1.0]).evaluate(&[0.0; 4], &mut gradient);
        assert!((value - 2f64.ln()).abs() < 1e-15);
        let far = objective(&[1e3, 1.0, -1e3, 1.0]).cross_entropy(&[1e3, -1e3, 0.0, 0.0]);
        assert_eq!(far, 0.0);
    }
}
