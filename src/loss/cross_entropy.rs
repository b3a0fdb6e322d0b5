//! Cross-entropy of logits.

use crate::base::{Error, Result};
use crate::loss::tape::device_error;
use crate::nn::{Taped, TapedScalar};
use dfdx::prelude::*;

/// Returns the mean cross-entropy of `logits`, `[rows, classes]`, and the accuracy; of equal logits the first is the
/// prediction.
///
/// As `torch.nn.functional.cross_entropy` with mean reduction: with a weight for each class, the sum of the weighted
/// losses is divided by the sum of the weights of the labels.
///
/// # Errors
/// The number of labels is not the number of rows or that of weights not the number of classes, a label is out of range,
/// there are no rows, or the device failed.
pub fn cross_entropy<D: Device<f32>>(
    logits: Taped<D>,
    labels: &[usize],
    class_weights: Option<&[f64]>,
) -> Result<(TapedScalar<D>, f32)> {
    let (rows, classes) = *logits.shape();
    if rows == 0 || rows != labels.len() || labels.iter().any(|&label| label >= classes) {
        return Err(Error::bug(format!("{} labels do not match logits of [{rows}, {classes}]", labels.len())));
    }
    if class_weights.is_some_and(|weights| weights.len() != classes) {
        return Err(Error::bug(format!("the weights are not those of {classes} classes")));
    }
    let accuracy = accuracy(&logits.as_vec(), classes, labels);
    let loss = evaluate(logits, labels, class_weights).map_err(device_error)?;
    Ok((loss, accuracy))
}

fn evaluate<D: Device<f32>>(
    logits: Taped<D>,
    labels: &[usize],
    class_weights: Option<&[f64]>,
) -> std::result::Result<TapedScalar<D>, D::Err> {
    let weights = class_weights.map(|weights| relative_weights(labels, weights));
    let device = logits.device().clone();
    let labels = logits.device().try_tensor_from_vec(labels.to_vec(), (labels.len(),))?;
    // [rows, classes] -> [rows]
    let log_probabilities = logits.try_log_softmax::<Axis<1>>()?.try_select::<(usize,), _>(labels)?;
    let weighted = match weights {
        Some(weights) => {
            let count = weights.len();
            log_probabilities.try_mul(device.try_tensor_from_vec(weights, (count,))?)?
        }
        None => log_probabilities,
    };
    weighted.try_mean::<(), _>()?.try_negate()
}

/// Returns the weight of each label, divided by their mean.
fn relative_weights(labels: &[usize], class_weights: &[f64]) -> Vec<f32> {
    let mean = labels.iter().map(|label| class_weights[*label]).sum::<f64>() / labels.len() as f64;
    labels.iter().map(|label| (class_weights[*label] / mean) as f32).collect()
}

/// Returns the fraction of rows whose maximum logit is that of their label; of equal logits the first is the
/// prediction.
fn accuracy(logits: &[f32], classes: usize, labels: &[usize]) -> f32 {
    let correct = logits.chunks(classes).zip(labels).filter(|&(row, &label)| {
        row[..label].iter().all(|logit| *logit < row[label]) && row[label..].iter().all(|logit| *logit <= row[label])
    });
    correct.count() as f32 / labels.len() as f32
}
