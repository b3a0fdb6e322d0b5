//! Cross-entropy of class scores.

use crate::base::{Error, Result};
use crate::loss::tape::failed;
use crate::nn::{Taped, TapedScalar};
use dfdx::prelude::*;

/// Mean cross-entropy of `logits`, `[rows, classes]`, and the accuracy (the first of equal scores is the prediction).
///
/// As `torch.nn.functional.cross_entropy` with mean reduction; a label counts as often as it is there.
///
/// # Errors
/// Labels and rows do not agree, a label is no class, there are no rows, or the device failed.
pub fn cross_entropy<D: Device<f32>>(logits: Taped<D>, labels: &[usize]) -> Result<(TapedScalar<D>, f32)> {
    let (rows, classes) = *logits.shape();
    if rows == 0 || rows != labels.len() || labels.iter().any(|&label| label >= classes) {
        return Err(Error::bug(format!("{} labels do not fit logits of [{rows}, {classes}]", labels.len())));
    }
    let accuracy = accuracy(&logits.as_vec(), classes, labels);
    let loss = evaluate(logits, labels).map_err(failed)?;
    Ok((loss, accuracy))
}

fn evaluate<D: Device<f32>>(logits: Taped<D>, labels: &[usize]) -> std::result::Result<TapedScalar<D>, D::Err> {
    let labels = logits.device().try_tensor_from_vec(labels.to_vec(), (labels.len(),))?;
    // [rows, classes] -> [rows]
    let log_probabilities = logits.try_log_softmax::<Axis<1>>()?.try_select::<(usize,), _>(labels)?;
    log_probabilities.try_mean::<(), _>()?.try_negate()
}

/// Part of the rows whose largest score is that of their label; the first of equal scores counts.
fn accuracy(logits: &[f32], classes: usize, labels: &[usize]) -> f32 {
    let right = logits.chunks(classes).zip(labels).filter(|&(row, &label)| {
        row[..label].iter().all(|score| *score < row[label]) && row[label..].iter().all(|score| *score <= row[label])
    });
    right.count() as f32 / labels.len() as f32
}
