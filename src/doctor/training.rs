//! Whole training steps of a small network: forward, NT-Xent, backward, optimizer.

use super::check::{Comparison, Operation};
use super::numbers;
use super::optimizers::{Reference, wide};
use crate::base::Result;
use crate::dataset::Batch;
use crate::loss::{NtXentConfig, Similarity, nt_xent, nt_xent_plain};
use crate::model::config::ResnetConfig;
use crate::model::oracle::OracleNetwork;
use crate::model::{EncoderConfig, Network};
use crate::nn::{NamedTensor, Precision, Role};
use crate::optim::config::{ConstantConfig, SgdConfig};
use crate::optim::{Decayed, OptimizerConfig, RateScale, ScheduleConfig};
use crate::train::{Compute, TrainConfig, Trainer};
use dfdx::prelude::Cpu;
use std::collections::BTreeMap;

const STEPS: usize = 3;
const SIDE: usize = 32;
/// Roundings of bfloat16 are noise in a gradient, the less the more views it is a mean of; processors that multiply
/// bfloat16 round the weights too.
const ROWS: usize = 128;
/// Offset of every batch norm: what enters a ReLU is far from 0, where the slope jumps and the smallest difference of
/// two programs grows from step to step.
const SHIFT: f32 = 2.5;
const HEAD: [usize; 2] = [32, 16];
const LOSS: NtXentConfig = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };

/// The learning rate. In 32 bits each parameter is looked at alone, so that it is to move far above its own roundings;
/// with fewer bits roundings of maps grow from step to step, the more the longer the step.
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
        decay: Decayed::default(),
        scale: RateScale::default(),
    };
    let optimizer = OptimizerConfig::Sgd(sgd);
    let mut network = Network::new(&encoder, &HEAD, SIDE, 1, device)?.in_precision(precision);
    let start = far_from_kinks(network.state()?);
    network.load_state_dict(&start)?;
    let expected = expected(&encoder, &start, &optimizer, rate(precision))?;
    let schedule = ScheduleConfig::Constant(ConstantConfig { warmup_epochs: 0.0 });
    let recipe = TrainConfig {
        optimizer: &optimizer,
        schedule: &schedule,
        gradient_clip: None,
        epochs: 1,
        steps_per_epoch: STEPS,
    };
    let mut trainer = Trainer::new(network, &recipe);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let loss = |z, _: &[usize]| nt_xent(z, &LOSS).map(|output| (output.loss, output.accuracy));
        losses.push(trainer.step(batch(step), loss)?.loss as f32);
    }
    let moves = moves(&start, &trainer.network().state()?, &expected.parameters);
    let mut comparisons = vec![Comparison::new("losses", losses, expected.losses)];
    let ratios = match precision {
        Precision::F32 => far_enough(&moves).into_iter().map(|one| along([one])).collect(),
        // Roundings of fewer bits are noise in each number, and only over many of them less than the tolerance.
        Precision::Tf32 | Precision::Bf16 => vec![along(moves.iter()), length_ratio(&moves)],
    };
    comparisons.push(Comparison::new(
        "moves",
        ratios.iter().map(|ratio| *ratio as f32).collect(),
        vec![1.0; ratios.len()],
    ));
    Ok(comparisons)
}

fn far_from_kinks(mut state: Vec<NamedTensor>) -> Vec<NamedTensor> {
    let is_shift = |name: &str| name.ends_with(".bias") && !name.starts_with("head.");
    state.iter_mut().filter(|array| is_shift(&array.name)).for_each(|array| array.values.fill(SHIFT));
    state
}

/// How far a parameter went: on the device, and by the oracle.
type Move = (Vec<f64>, Vec<f64>);

fn moves(start: &[NamedTensor], state: &[NamedTensor], expected: &BTreeMap<String, Vec<f64>>) -> Vec<Move> {
    let moved = |(name, expected): (&String, &Vec<f64>)| {
        let start = wide(values_of(start, name));
        let from_start = |values: &[f64]| values.iter().zip(&start).map(|(now, start)| now - start).collect();
        (from_start(&wide(values_of(state, name))), from_start(expected))
    };
    expected.iter().map(moved).collect()
}

/// Those that go some way by the oracle, each alone. Others do not move but by rounding: an offset of batch norm that the
/// next one takes off again.
fn far_enough(moves: &[Move]) -> Vec<&Move> {
    /// Part of the mean square.
    const ENOUGH: f64 = 1e-2;
    let square = |(_, expected): &Move| dot(std::iter::once((&expected[..], &expected[..])));
    let mean = moves.iter().map(square).sum::<f64>() / moves.len() as f64;
    moves.iter().filter(|pair| square(pair) >= ENOUGH * mean).collect()
}

/// How far the device went in the oracle's direction, as a part of the oracle's way: 1 where both do the same.
fn along<'a>(moves: impl IntoIterator<Item = &'a Move, IntoIter: Clone>) -> f64 {
    let moves = moves.into_iter();
    let ours = dot(moves.clone().map(|(ours, expected)| (&ours[..], &expected[..])));
    ours / dot(moves.map(|(_, expected)| (&expected[..], &expected[..])))
}

/// How far the device went at all, as a part of the oracle's way.
fn length_ratio(moves: &[Move]) -> f64 {
    let ours = dot(moves.iter().map(|(ours, _)| (&ours[..], &ours[..])));
    (ours / dot(moves.iter().map(|(_, expected)| (&expected[..], &expected[..])))).sqrt()
}

fn dot<'a>(pairs: impl Iterator<Item = (&'a [f64], &'a [f64])>) -> f64 {
    pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>()).sum()
}

/// Views that are partly alike, so that there is something to learn.
fn batch(step: usize) -> Batch {
    let images = numbers(&format!("images {step}"), ROWS / 2 * SIDE * SIDE * 3);
    let noise = numbers(&format!("noise {step}"), ROWS * SIDE * SIDE * 3);
    let images = images.iter().chain(&images).zip(noise).map(|(x, noise)| x + 0.5 * noise).collect();
    let indices: Vec<usize> = (0..ROWS / 2).chain(0..ROWS / 2).collect();
    Batch { images, rows: ROWS, labels: vec![0; ROWS], indices, epoch: 0 }
}

/// What the oracle has after the steps.
struct Expected {
    losses: Vec<f32>,
    parameters: BTreeMap<String, Vec<f64>>,
}

fn expected(encoder: &EncoderConfig, start: &[NamedTensor], rule: &OptimizerConfig, rate: f64) -> Result<Expected> {
    let mut state = start.to_vec();
    let (mut reference, mut losses, mut parameters) = (Reference::new(rule), Vec::new(), Vec::new());
    let mut names = Vec::new();
    for step in 0..STEPS {
        let network = OracleNetwork::new(encoder, &HEAD, SIDE, &state, &Cpu::default())?;
        let output = network.forward(batch(step).images, ROWS)?;
        let (gradients, loss) = network.backward(nt_xent_plain(output, &LOSS)?.loss);
        losses.push(loss);
        if step == 0 {
            names = gradients.iter().map(|gradient| gradient.name.clone()).collect();
            parameters = names.iter().map(|name| wide(values_of(&state, name))).collect();
        }
        let roles: Vec<Role> = gradients.iter().map(role).collect();
        let gradients: Vec<Vec<f64>> = gradients.iter().map(|gradient| wide(&gradient.values)).collect();
        reference.step(&mut parameters, &gradients, &roles, rate);
        for (name, values) in names.iter().zip(&parameters) {
            if let Some(array) = state.iter_mut().find(|array| array.name == *name) {
                array.values = narrow(values);
            }
        }
    }
    Ok(Expected { losses, parameters: names.into_iter().zip(parameters).collect() })
}

fn values_of<'a>(state: &'a [NamedTensor], name: &str) -> &'a [f32] {
    state.iter().find(|array| array.name == name).map_or(&[], |array| &array.values)
}

/// Matrices are weights; nothing else decays.
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
    fn another_rate_is_another_way() {
        let twice = [(vec![2.0, 0.0, 4.0], vec![1.0, 0.0, 2.0])];
        assert_eq!((along(&twice), length_ratio(&twice)), (2.0, 2.0));
        let aside = [(vec![1.0, 1.0], vec![1.0, 0.0])];
        assert_eq!((along(&aside), length_ratio(&aside)), (1.0, 2.0f64.sqrt()));
        let hardly = (vec![1e-9], vec![-1e-9]);
        let moves = [twice[0].clone(), hardly];
        assert_eq!(far_enough(&moves), [&moves[0]]);
    }
}
