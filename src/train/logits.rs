//! Logits `[rows, classes]`: predicted classes, probabilities, cross-entropy, accuracy.

/// Returns the class with the highest score of each row; among equal scores, the first.
pub(crate) fn best_classes(scores: &[f32], classes: usize) -> Vec<usize> {
    scores.chunks_exact(classes).map(argmax).collect()
}

/// Returns class probabilities (softmax of each row), `[rows, classes]`.
pub(crate) fn probabilities(mut logits: Vec<f32>, classes: usize) -> Vec<f32> {
    for row in logits.chunks_mut(classes) {
        let total = log_sum_exp(row);
        row.iter_mut().for_each(|score| *score = (f64::from(*score) - total).exp() as f32);
    }
    logits
}

/// Returns the mean cross-entropy in nats; NaN without rows.
pub(crate) fn mean_cross_entropy(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    let loss = |(row, label): (&[f32], &usize)| log_sum_exp(row) - f64::from(row[*label]);
    logits.chunks_exact(classes).zip(labels).map(loss).sum::<f64>() / labels.len() as f64
}

/// Returns the fraction of rows whose predicted class is the label; NaN without rows.
pub(crate) fn accuracy(logits: &[f32], labels: &[usize], classes: usize) -> f64 {
    let correct = best_classes(logits, classes).iter().zip(labels).filter(|(best, label)| best == label).count();
    correct as f64 / labels.len() as f64
}

fn argmax(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
}

fn log_sum_exp(row: &[f32]) -> f64 {
    let max = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    max + row.iter().map(|&score| (f64::from(score) - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_scores_do_not_overflow() {
        assert_eq!(probabilities(vec![1000.0, 1000.0, -1000.0], 3), [0.5, 0.5, 0.0]);
        assert!((mean_cross_entropy(&[1000.0, 1000.0], &[1], 2) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn the_first_of_equal_scores_wins() {
        assert_eq!(best_classes(&[0.5, 0.5, 0.1, 0.9], 2), [0, 1]);
        assert_eq!(accuracy(&[0.5, 0.5, 0.1, 0.9], &[0, 0], 2), 0.5);
    }
}
