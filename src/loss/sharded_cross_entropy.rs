//! Cross-entropy of a batch that is cut into shards.

use crate::base::{Error, Result};
use crate::group::{ShardedBatch, add_numbers};
use crate::loss::ShardedLoss;

/// Computes the mean cross-entropy over all shards, given the logits, `[rows, classes]`, of each shard of this rank and
/// the labels of all its rows, as [`cross_entropy`](crate::loss::cross_entropy) does for a whole batch.
///
/// # Errors
/// The labels do not match the logits, or another rank failed.
pub fn sharded_cross_entropy(
    batch: &ShardedBatch,
    logits: &[Vec<f32>],
    labels: &[usize],
    class_weights: Option<&[f64]>,
) -> Result<ShardedLoss> {
    let classes = logits.iter().map(Vec::len).sum::<usize>() / labels.len().max(1);
    if labels.iter().any(|label| *label >= classes) || class_weights.is_some_and(|of| of.len() < classes) {
        return Err(Error::bug(format!("{} labels do not match logits of {classes} classes", labels.len())));
    }
    let weight = |label: usize| class_weights.map_or(1.0, |weights| weights[label]);
    let (mut gradients, mut sums, mut rest) = (Vec::new(), Vec::new(), labels);
    for logits in logits {
        let (own, after) = rest.split_at(logits.len() / classes);
        let (mut gradient, mut sum) = (Vec::with_capacity(logits.len()), vec![0.0; 3]);
        for (row, label) in logits.chunks_exact(classes).zip(own) {
            let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f64 = row.iter().map(|logit| f64::from(logit - max).exp()).sum();
            sum[0] += weight(*label) * (total.ln() - f64::from(row[*label] - max));
            sum[1] += weight(*label);
            sum[2] += f64::from(u8::from(is_first_maximum(row, *label)));
            gradient.extend(row.iter().enumerate().map(|(class, logit)| {
                let target = if class == *label { 1.0 } else { 0.0 };
                weight(*label) * (f64::from(logit - max).exp() / total - target)
            }));
        }
        gradients.push(gradient);
        sums.push(sum);
        rest = after;
    }
    let own = batch.own_sum(sums, add_numbers)?.unwrap_or_else(|| vec![0.0; 3]);
    let whole = batch.gathered_sum(&own, <[f64]>::to_vec, add_numbers)?.unwrap_or(own);
    let scaled = |gradient: Vec<f64>| gradient.into_iter().map(|value| (value / whole[1]) as f32).collect();
    Ok(ShardedLoss {
        loss: whole[0] / whole[1],
        accuracy: whole[2] / batch.images() as f64,
        gradients: gradients.into_iter().map(scaled).collect(),
    })
}

/// Returns whether the label's logit is the maximum; of equal logits the first is the prediction.
fn is_first_maximum(row: &[f32], label: usize) -> bool {
    row[..label].iter().all(|logit| *logit < row[label]) && row[label..].iter().all(|logit| *logit <= row[label])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::group::{Sharding, alone};
    use crate::loss::cross_entropy;
    use dfdx::prelude::*;

    #[test]
    fn shards_have_the_loss_and_gradient_of_the_whole_batch() {
        let (rows, classes) = (10, 3);
        let mut random = rng::stream(4, "test", &[]);
        let logits: Vec<f32> = (0..rows * classes).map(|_| rng::normal(&mut random)).collect();
        let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
        for weights in [None, Some(&[1.0, 2.0, 0.5][..])] {
            let tensor = Cpu::default().tensor_from_vec(logits.clone(), (rows, classes));
            let (loss, accuracy) = cross_entropy(tensor.leaky_trace(), &labels, weights).unwrap();
            let value = f64::from(loss.array());
            let expected = loss.backward().get(&tensor).as_vec();
            for shards in [1, 4, 16] {
                let batch = Sharding::new(alone(), shards).unwrap().batch(rows);
                let cut: Vec<Vec<f32>> = batch
                    .own()
                    .into_iter()
                    .map(|own| logits[own.start * classes..own.end * classes].to_vec())
                    .collect();
                let sharded = sharded_cross_entropy(&batch, &cut, &labels, weights).unwrap();
                assert!((sharded.loss - value).abs() < 1e-6, "{} {value}", sharded.loss);
                assert!((sharded.accuracy - f64::from(accuracy)).abs() < 1e-6);
                let gradient = sharded.gradients.concat();
                assert!(gradient.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{gradient:?} {expected:?}");
            }
        }
    }
}
