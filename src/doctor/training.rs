//! Whole training steps of a small network: forward, NT-Xent, backward, optimizer.

use super::check::{Comparison, Operation};
use super::numbers;
use super::optimizers::{ReferenceOptimizer, wide};
use crate::base::Result;
use crate::dataset::Batch;
use crate::loss::{ContrastiveLoss, NtXentConfig, Similarity};
use crate::model::ResnetConfig;
use crate::model::oracle::OracleNetwork;
use crate::model::{EncoderConfig, Network};
use crate::nn::{NamedTensor, Precision, Role};
use crate::optim::schedule::ConstantConfig;
use crate::optim::{DecayedParameters, OptimizerConfig, RateScale, ScheduleConfig, SgdConfig};
use crate::train::{Compute, TrainConfig, TrainState};
use dfdx::prelude::Cpu;
use std::collections::BTreeMap;

const STEPS: usize = 3;
const SIDE: usize = 32;
/// Views per batch. bf16 rounding is noise in the gradient, which averages out over many views; processors with bf16
/// matmuls also round the weights.
const ROWS: usize = 128;
/// Bias of every batch norm. It keeps the inputs of ReLUs away from 0, where the slope jumps and the smallest numerical
/// difference grows from step to step.
const SHIFT: f32 = 2.5;
const HEAD: [usize; 2] = [32, 16];
const LOSS: NtXentConfig = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };

/// Returns the learning rate. In 32 bits each parameter is compared by itself, so its update must be well above its
/// rounding error. In lower precisions, rounding errors of feature maps grow with the size of the step.
fn rate(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 0.05,
        Precision::Tf32 | Precision::Bf16 => 0.002,
    }
}

pub(super) fn operation<D: Compute>() -> Operation<D> {
    Operation::new("three training steps of a ResNet-18", compare)
}

fn compare<D: Compute>(device: &D, precision: Precision) -> Result<Vec<Comparison>> {
    let encoder = EncoderConfig::Resnet18(ResnetConfig { width: 0.25, ..ResnetConfig::default() });
    let sgd = SgdConfig {
        learning_rate: rate(precision),
        momentum: 0.9,
        nesterov: false,
        weight_decay: 1e-4,
        decay: DecayedParameters::default(),
        scale: RateScale::default(),
    };
    let optimizer = OptimizerConfig::Sgd(sgd);
    let mut network = Network::new(&encoder, &HEAD, SIDE, 1, device)?.in_precision(precision);
    let start = with_biased_norms(network.state_dict()?);
    network.load_state_dict(&start)?;
    let expected = expected(&encoder, &start, &optimizer, rate(precision))?;
    let schedule = ScheduleConfig::Constant(ConstantConfig::default());
    let config = TrainConfig {
        optimizer: &optimizer,
        schedule: &schedule,
        gradient_clip: None,
        epochs: 1,
        steps_per_epoch: STEPS,
    };
    let mut run = TrainState::new(network, &config);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let loss = |z, _: &[usize]| LOSS.evaluate(z).map(|output| (output.loss, output.accuracy));
        losses.push(run.step(batch(step), loss)?.loss as f32);
    }
    let updates = updates(&start, &run.network().state_dict()?, &expected.parameters);
    let mut comparisons = vec![Comparison::new("losses", losses, expected.losses)];
    let ratios = match precision {
        Precision::F32 => significant(&updates).into_iter().map(|update| projection_ratio([update])).collect(),
        // Rounding noise of lower precisions falls below the tolerance only when averaged over all parameters.
        Precision::Tf32 | Precision::Bf16 => vec![projection_ratio(updates.iter()), norm_ratio(&updates)],
    };
    comparisons.push(Comparison::new(
        "moves",
        ratios.iter().map(|ratio| *ratio as f32).collect(),
        vec![1.0; ratios.len()],
    ));
    Ok(comparisons)
}

/// Sets the bias of every batch norm to [`SHIFT`].
fn with_biased_norms(mut state: Vec<NamedTensor>) -> Vec<NamedTensor> {
    let is_shift = |name: &str| name.ends_with(".bias") && !name.starts_with("head.");
    state.iter_mut().filter(|tensor| is_shift(&tensor.name)).for_each(|tensor| tensor.values.fill(SHIFT));
    state
}

/// The total update of a parameter, on the device and by the oracle.
type Update = (Vec<f64>, Vec<f64>);

fn updates(start: &[NamedTensor], state: &[NamedTensor], expected: &BTreeMap<String, Vec<f64>>) -> Vec<Update> {
    let update = |(name, expected): (&String, &Vec<f64>)| {
        let start = wide(values_of(start, name));
        let from_start = |values: &[f64]| values.iter().zip(&start).map(|(now, start)| now - start).collect();
        (from_start(&wide(values_of(state, name))), from_start(expected))
    };
    expected.iter().map(update).collect()
}

/// Returns the updates that are large by the oracle. The others are rounding errors, for example of a batch norm bias
/// that the next batch norm cancels.
fn significant(updates: &[Update]) -> Vec<&Update> {
    /// Minimum fraction of the mean square.
    const MIN_FRACTION: f64 = 1e-2;
    let square = |(_, expected): &Update| dot(std::iter::once((&expected[..], &expected[..])));
    let mean = updates.iter().map(square).sum::<f64>() / updates.len() as f64;
    updates.iter().filter(|pair| square(pair) >= MIN_FRACTION * mean).collect()
}

/// Returns the projection of the device's updates onto the oracle's, relative to the oracle's; 1 if they agree.
fn projection_ratio<'a>(updates: impl IntoIterator<Item = &'a Update, IntoIter: Clone>) -> f64 {
    let updates = updates.into_iter();
    let ours = dot(updates.clone().map(|(ours, expected)| (&ours[..], &expected[..])));
    ours / dot(updates.map(|(_, expected)| (&expected[..], &expected[..])))
}

/// Returns the norm of the device's updates relative to the oracle's.
fn norm_ratio(updates: &[Update]) -> f64 {
    let ours = dot(updates.iter().map(|(ours, _)| (&ours[..], &ours[..])));
    (ours / dot(updates.iter().map(|(_, expected)| (&expected[..], &expected[..])))).sqrt()
}

fn dot<'a>(pairs: impl Iterator<Item = (&'a [f64], &'a [f64])>) -> f64 {
    pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()).sum()
}

/// Returns a batch whose two views of an image are correlated, so that there is something to learn.
fn batch(step: usize) -> Batch {
    let images = numbers(&format!("images {step}"), ROWS / 2 * SIDE * SIDE * 3);
    let noise = numbers(&format!("noise {step}"), ROWS * SIDE * SIDE * 3);
    let images = images.iter().chain(&images).zip(noise).map(|(x, noise)| x + 0.5 * noise).collect();
    let indices: Vec<usize> = (0..ROWS / 2).chain(0..ROWS / 2).collect();
    Batch { images, rows: ROWS, labels: vec![0; ROWS], indices, epoch: 0, images_of_batch: ROWS }
}

/// Losses and parameters of the oracle after the steps.
struct ExpectedTraining {
    losses: Vec<f32>,
    parameters: BTreeMap<String, Vec<f64>>,
}

fn expected(
    encoder: &EncoderConfig,
    start: &[NamedTensor],
    rule: &OptimizerConfig,
    rate: f64,
) -> Result<ExpectedTraining> {
    let mut state = start.to_vec();
    let (mut reference, mut losses, mut parameters) = (ReferenceOptimizer::new(rule), Vec::new(), Vec::new());
    let mut names = Vec::new();
    for step in 0..STEPS {
        let network = OracleNetwork::new(encoder, &HEAD, SIDE, &state, &Cpu::default())?;
        let output = network.forward(batch(step).images, ROWS)?;
        let (gradients, loss) = network.backward(LOSS.plain(output)?.loss);
        losses.push(loss);
        if step == 0 {
            names = gradients.iter().map(|gradient| gradient.name.clone()).collect();
            parameters = names.iter().map(|name| wide(values_of(&state, name))).collect();
        }
        let roles: Vec<Role> = gradients.iter().map(role).collect();
        let gradients: Vec<Vec<f64>> = gradients.iter().map(|gradient| wide(&gradient.values)).collect();
        reference.step(&mut parameters, &gradients, &roles, rate);
        for (name, values) in names.iter().zip(&parameters) {
            if let Some(tensor) = state.iter_mut().find(|tensor| tensor.name == *name) {
                tensor.values = narrow(values);
            }
        }
    }
    Ok(ExpectedTraining { losses, parameters: names.into_iter().zip(parameters).collect() })
}

fn values_of<'a>(state: &'a [NamedTensor], name: &str) -> &'a [f32] {
    state.iter().find(|tensor| tensor.name == name).map_or(&[], |tensor| &tensor.values)
}

/// Returns the role of a parameter: matrices are weights, and only weights decay.
fn role(gradient: &NamedTensor) -> Role {
    if gradient.shape.len() > 1 { Role::Weight } else { Role::Bias }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_different_rate_changes_the_ratios() {
        let twice = [(vec![2.0, 0.0, 4.0], vec![1.0, 0.0, 2.0])];
        assert_eq!((projection_ratio(&twice), norm_ratio(&twice)), (2.0, 2.0));
        let diagonal = [(vec![1.0, 1.0], vec![1.0, 0.0])];
        assert_eq!((projection_ratio(&diagonal), norm_ratio(&diagonal)), (1.0, 2.0f64.sqrt()));
        let negligible = (vec![1e-9], vec![-1e-9]);
        let updates = [twice[0].clone(), negligible];
        assert_eq!(significant(&updates), [&updates[0]]);
    }
}
