//! Cross-entropy of logits.

use crate::base::{Error, Result};
use crate::loss::tape::device_error;
use crate::nn::{Taped, TapedScalar};
use dfdx::prelude::*;

/// Returns the mean cross-entropy of `logits`, `[rows, classes]`, and the accuracy; of equal logits the first is the
/// prediction.
///
/// As `torch.nn.functional.cross_entropy` with mean reduction.
///
/// # Errors
/// The number of labels is not the number of rows, a label is out of range, there are no rows, or the device failed.
pub fn cross_entropy<D: Device<f32>>(logits: Taped<D>, labels: &[usize]) -> Result<(TapedScalar<D>, f32)> {
    let (rows, classes) = *logits.shape();
    if rows == 0 || rows != labels.len() || labels.iter().any(|&label| label >= classes) {
        return Err(Error::bug(format!("{} labels do not match logits of [{rows}, {classes}]", labels.len())));
    }
    let accuracy = accuracy(&logits.as_vec(), classes, labels);
    let loss = evaluate(logits, labels).map_err(device_error)?;
    Ok((loss, accuracy))
}

fn evaluate<D: Device<f32>>(logits: Taped<D>, labels: &[usize]) -> std::result::Result<TapedScalar<D>, D::Err> {
    let labels = logits.device().try_tensor_from_vec(labels.to_vec(), (labels.len(),))?;
    // [rows, classes] -> [rows]
    let log_probabilities = logits.try_log_softmax::<Axis<1>>()?.try_select::<(usize,), _>(labels)?;
    log_probabilities.try_mean::<(), _>()?.try_negate()
}

/// Returns the fraction of rows whose maximum logit is that of their label; of equal logits the first is the
/// prediction.
fn accuracy(logits: &[f32], classes: usize, labels: &[usize]) -> f32 {
    let correct = logits.chunks(classes).zip(labels).filter(|&(row, &label)| {
        row[..label].iter().all(|logit| *logit < row[label]) && row[label..].iter().all(|logit| *logit <= row[label])
    });
    correct.count() as f32 / labels.len() as f32
}
