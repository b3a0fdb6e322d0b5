//! NT-Logistic, the normalized temperature-scaled logistic loss (Chen et al. 2020, arXiv 2002.05709, table 2), the form
//! of the loss of Mikolov et al. 2013 that SimCLR compares with NT-Xent.
//!
//! Table 2 has `log sigma(u . v+ / t) + log sigma(-u . v- / t)` for one negative v- and leaves open how the 2n - 2
//! negatives of a row enter. Here they enter by their mean: the loss is minus the mean over the 2n rows of
//!
//! ```text
//! log sigma(s(i, pair)) + 1 / (2n - 2) * sum over the other k of log sigma(-s(i, k))
//! ```
//!
//! where `s` is the similarity divided by the temperature. That is the expectation of the table's loss over a negative
//! chosen at random from the batch: positives and negatives have equal weight, as there, and neither the value nor the
//! learning rate that suits it depends on the batch size. A sum would weigh the negatives 2n - 2 times as much. With
//! n = 1 there are no negatives, and their term is 0. The semi-hard mining of the paper's table 4 is not included.
//!
//! The chance level is 2 ln 2. If similarities say nothing of which rows are pairs, positives and negatives have the
//! same distribution, and the loss is the mean of `-log sigma(s) - log sigma(-s)`, which is at least 2 ln 2, its value
//! at `s = 0`, where each pair is a positive with probability 1/2. A collapsed network is worse with cosine similarity
//! and a low temperature: all its similarities are 1, so its loss is about `1 / t`.

use crate::base::Result;
use crate::loss::{Chance, ContrastiveLoss, ContrastiveOutput, RowLoss, Similarity, tape};
use crate::nn::Taped;
use dfdx::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

/// Parameters of NT-Logistic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NtLogisticConfig {
    /// Temperature that similarities are divided by.
    #[serde(default = "NtLogisticConfig::default_temperature")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub temperature: f64,
    /// Similarity of two projections.
    #[serde(default)]
    pub similarity: Similarity,
}

impl NtLogisticConfig {
    pub(super) const SUMMARY: &str =
        "NT-Logistic (Chen et al. 2020, table 2), with the mean over the negatives of a batch.";

    fn default_temperature() -> f64 {
        0.1
    }

    pub(super) fn examples() -> [Self; 2] {
        let example = |temperature, similarity| Self { temperature, similarity };
        [example(0.1, Similarity::Cosine), example(1.0, Similarity::Dot)]
    }
}

impl ContrastiveLoss for NtLogisticConfig {
    fn name(&self) -> &'static str {
        "NT-Logistic"
    }

    fn title(&self) -> &'static str {
        "NT-Logistic loss (nats)"
    }

    fn chance(&self, _: usize) -> Option<Chance> {
        Some(Chance { loss: 2.0 * LN_2, formula: "2 ln 2" })
    }

    fn plain<D: Device<f32>>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>> {
        tape::check_pairs(&z)?;
        on_tape(z, self).map_err(tape::device_error)
    }

    fn by_rows(&self) -> Option<RowLoss<'_>> {
        let NtLogisticConfig { temperature, similarity } = *self;
        Some(RowLoss { temperature, similarity, value: &row_value, gradient: &row_gradient })
    }
}

/// Returns the loss of row `own` of the similarities; other rows need nothing of it.
fn row_value(row: &[f32], own: usize) -> [f32; 2] {
    let (rows, pair) = (row.len(), (own + row.len() / 2) % row.len());
    let negatives = row.iter().enumerate().filter(|(column, _)| *column != own && *column != pair);
    let sum: f64 = negatives.map(|(_, s)| f64::from(softplus_of(*s))).sum();
    [softplus_of(-row[pair]) + (sum / (rows as f64 - 2.0).max(1.0)) as f32, 0.0]
}

/// Turns row `own` of the similarities into the gradient of the losses of all rows, times the number of rows.
fn row_gradient(row: &mut [f32], own: usize, _: &[f32]) {
    let (rows, pair) = (row.len(), (own + row.len() / 2) % row.len());
    // Each similarity is in two rows, with the same weight.
    let of_negative = 2.0 / (rows as f32 - 2.0).max(1.0);
    let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
    for (column, s) in row.iter_mut().enumerate() {
        *s = if column == pair { -2.0 * sigmoid(-*s) } else { of_negative * sigmoid(*s) };
    }
    row[own] = 0.0;
}

/// Returns `ln(1 + exp(x))`.
fn softplus_of(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn on_tape<D: Device<f32>>(
    z: Taped<D>,
    config: &NtLogisticConfig,
) -> std::result::Result<ContrastiveOutput<D>, D::Err> {
    let (rows, device) = (z.shape().0, z.device().clone());
    let similarities = tape::similarities(z, config.similarity, config.temperature)?;
    let (accuracy, positive_similarity) = tape::metrics(&similarities, config.temperature)?;
    let (signs, weights) = signs_and_weights(rows);
    let signs = device.try_tensor_from_vec(signs, (rows, rows))?;
    let weights = device.try_tensor_from_vec(weights, (rows, rows))?;
    let losses = softplus(similarities.try_mul(signs)?)?;
    let loss = losses.try_mul(weights)?.try_sum::<(), _>()?;
    Ok(ContrastiveOutput { loss, accuracy, positive_similarity })
}

/// Returns the sign of each similarity in the loss and its weight, both `[rows, rows]`.
fn signs_and_weights(rows: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut signs, mut weights) = (vec![1.0; rows * rows], vec![0.0; rows * rows]);
    let (of_positive, of_negative) = (1.0 / rows as f32, 1.0 / (rows as f32 * (rows as f32 - 2.0)));
    for row in 0..rows {
        let pair = (row + rows / 2) % rows;
        for column in (0..rows).filter(|column| *column != row) {
            let is_pair = column == pair;
            weights[row * rows + column] = if is_pair { of_positive } else { of_negative };
            signs[row * rows + column] = if is_pair { -1.0 } else { 1.0 };
        }
    }
    (signs, weights)
}

/// Computes `ln(1 + exp(x)) = -log sigma(-x)` as `x / 2 + |x| / 2 + ln(1 + exp(-|x|))`, which does not overflow and
/// whose derivative at 0 is 1/2 whatever the derivative of `|x|` is there.
fn softplus<D: Device<f32>>(x: Taped<D>) -> std::result::Result<Taped<D>, D::Err> {
    let (x, history) = x.split_tape();
    let (magnitude, history) = x.clone().put_tape(history).try_abs()?.split_tape();
    let logarithm = magnitude.clone().put_tape(history).try_negate()?.try_exp()?.try_add(1.0)?.try_ln()?;
    let hinge = x.retaped::<OwnedTape<f32, D>>().try_add(magnitude)?.try_mul(0.5)?;
    logarithm.try_add(hinge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    /// The loss in 64 bits, written out pair by pair.
    fn reference(z: &[f64], width: usize, config: &NtLogisticConfig) -> f64 {
        let rows: Vec<&[f64]> = z.chunks(width).collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let scale = |a: &[f64], b: &[f64]| match config.similarity {
            Similarity::Cosine => (dot(a, a) * dot(b, b)).sqrt(),
            Similarity::Dot => 1.0,
        };
        let log_sigma = |x: f64| -(-x).exp().ln_1p();
        let n = rows.len() / 2;
        let mut total = 0.0;
        for (i, u) in rows.iter().enumerate() {
            let logit = |v: &[f64]| dot(u, v) / scale(u, v) / config.temperature;
            let negatives: Vec<f64> =
                (0..2 * n).filter(|k| k % n != i % n).map(|k| log_sigma(-logit(rows[k]))).collect();
            total -= log_sigma(logit(rows[(i + n) % (2 * n)]));
            total -= negatives.iter().sum::<f64>() / negatives.len().max(1) as f64;
        }
        total / (2 * n) as f64
    }

    fn configs() -> impl Iterator<Item = NtLogisticConfig> {
        let similarities = [Similarity::Cosine, Similarity::Dot].into_iter();
        similarities.flat_map(|similarity| [0.2, 1.0].map(|temperature| NtLogisticConfig { temperature, similarity }))
    }

    fn tensor(rows: usize, width: usize, values: &[f32]) -> Tensor<(usize, usize), f32, Cpu> {
        Cpu::default().tensor_from_vec(values.to_vec(), (rows, width))
    }

    fn noise(length: usize) -> Vec<f32> {
        let mut random = rng::stream(3, "nt_logistic", &[]);
        (0..length).map(|_| rng::normal(&mut random)).collect()
    }

    #[test]
    fn value_and_gradient_are_those_of_the_formula_in_64_bits() {
        const STEP: f64 = 1e-5;
        for (config, (rows, width)) in
            configs().flat_map(|config| [(2, 3), (6, 4), (10, 5)].map(|s| (config.clone(), s)))
        {
            let values = noise(rows * width);
            let z = tensor(rows, width, &values);
            let output = config.evaluate(z.leaky_trace()).unwrap();
            let wide: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
            let (loss, expected) = (f64::from(output.loss.array()), reference(&wide, width, &config));
            assert!((loss - expected).abs() < 1e-5 * (1.0 + expected), "{config:?}: {loss}, expected {expected}");
            let gradient = output.loss.backward().get(&z).as_vec();
            for (i, got) in gradient.iter().enumerate() {
                let at = |shift: f64| {
                    let mut moved = wide.clone();
                    moved[i] += shift;
                    reference(&moved, width, &config)
                };
                let slope = (at(STEP) - at(-STEP)) / (2.0 * STEP);
                let error = (f64::from(*got) - slope).abs();
                assert!(
                    error < 2e-5 * (1.0 + slope.abs()),
                    "{config:?}, [{rows}, {width}], {i}: {got}, expected {slope}"
                );
            }
        }
    }

    #[test]
    fn orthogonal_projections_are_at_chance_level_and_still_have_a_gradient() {
        let config = NtLogisticConfig { temperature: 1.0, similarity: Similarity::Dot };
        let z = tensor(4, 4, &[1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.]);
        let output = config.evaluate(z.leaky_trace()).unwrap();
        let chance = config.chance(2).unwrap().loss;
        assert!((f64::from(output.loss.array()) - chance).abs() < 1e-6);
        // Each similarity is in two rows: -1/2 for the positive, +1/2 for each of two negatives by their mean.
        let gradient = output.loss.backward().get(&z).as_vec();
        let expected = [0.0, 0.125, -0.25, 0.125];
        assert!(
            gradient[..4].iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6),
            "{gradient:?}"
        );
    }

    #[test]
    fn large_similarities_do_not_overflow() {
        let config = NtLogisticConfig { temperature: 0.01, similarity: Similarity::Dot };
        let z = tensor(4, 2, &[30., 0., 0., 30., -30., 1., 1., -30.]);
        let output = config.evaluate(z.leaky_trace()).unwrap();
        let loss = output.loss.array();
        assert!(loss.is_finite() && loss > 8e4, "{loss}");
        assert!(output.loss.backward().get(&z).as_vec().iter().all(|g| g.is_finite()));
        assert_eq!(output.accuracy, 0.0);
    }
}
