//! Whole training steps of a small network: forward, NT-Xent, backward, optimiser.

use super::check::{Comparison, Operation};
use super::numbers;
use super::optimizers::{Reference, wide};
use crate::base::Result;
use crate::dataset::Batch;
use crate::loss::{NtXentConfig, Similarity, nt_xent, nt_xent_plain};
use crate::model::config::ResnetConfig;
use crate::model::oracle::OracleNetwork;
use crate::model::{EncoderConfig, Network};
use crate::nn::{NamedArray, Precision, Role};
use crate::optim::config::{ConstantConfig, SgdConfig};
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::train::{Compute, Recipe, Trainer};
use dfdx::prelude::Cpu;
use std::collections::BTreeMap;

const STEPS: usize = 3;
const RATE: f64 = 0.01;
const SIDE: usize = 32;
const ROWS: usize = 32;
const HEAD: [usize; 2] = [32, 16];
const LOSS: NtXentConfig = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };

pub(super) fn operation<D: Compute>() -> Operation<D> {
    Operation::new("three training steps of a ResNet-18", compare)
}

fn compare<D: Compute>(device: &D, precision: Precision) -> Result<Vec<Comparison>> {
    let encoder = EncoderConfig::Resnet18(ResnetConfig { width: 0.25, ..ResnetConfig::default() });
    let sgd = SgdConfig { learning_rate: RATE, momentum: 0.9, nesterov: false, weight_decay: 1e-4 };
    let optimizer = OptimizerConfig::Sgd(sgd);
    let network = Network::new(&encoder, &HEAD, SIDE, 1, device)?.in_precision(precision);
    let start = network.state()?;
    let expected = expected(&encoder, &start, &optimizer)?;
    let schedule = ScheduleConfig::Constant(ConstantConfig { warmup_epochs: 0.0 });
    let recipe =
        Recipe { optimizer: &optimizer, schedule: &schedule, gradient_clip: None, epochs: 1, steps_per_epoch: STEPS };
    let mut trainer = Trainer::new(network, &recipe);
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let loss = |z, _: &[usize]| nt_xent(z, &LOSS).map(|output| (output.loss, output.accuracy));
        losses.push(trainer.step(batch(step), loss)?.loss as f32);
    }
    let state = trainer.network().state()?;
    let moved = |values: &[f32], name: &str| -> Vec<f32> {
        let start = start.iter().find(|array| array.name == name).map_or(&[][..], |array| &array.values);
        values.iter().zip(start).map(|(now, start)| now - start).collect()
    };
    let mut comparisons = vec![Comparison::new("losses", losses, expected.losses)];
    for array in &state {
        if let Some(values) = expected.parameters.get(&array.name) {
            let (ours, oracles) = (moved(&array.values, &array.name), moved(values, &array.name));
            comparisons.push(Comparison::new("parameters", ours, oracles));
        }
    }
    Ok(comparisons)
}

/// Views that are partly alike, so that there is something to learn.
fn batch(step: usize) -> Batch {
    let pictures = numbers(&format!("pictures {step}"), ROWS / 2 * SIDE * SIDE * 3);
    let noise = numbers(&format!("noise {step}"), ROWS * SIDE * SIDE * 3);
    let images = pictures.iter().chain(&pictures).zip(noise).map(|(x, noise)| x + 0.5 * noise).collect();
    let pictures: Vec<usize> = (0..ROWS / 2).chain(0..ROWS / 2).collect();
    Batch { images, rows: ROWS, labels: vec![0; ROWS], pictures, epoch: 0 }
}

/// What the oracle has after the steps.
struct Expected {
    losses: Vec<f32>,
    parameters: BTreeMap<String, Vec<f32>>,
}

fn expected(encoder: &EncoderConfig, start: &[NamedArray], rule: &OptimizerConfig) -> Result<Expected> {
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
        reference.step(&mut parameters, &gradients, &roles, RATE);
        for (name, values) in names.iter().zip(&parameters) {
            if let Some(array) = state.iter_mut().find(|array| array.name == *name) {
                array.values = narrow(values);
            }
        }
    }
    Ok(Expected { losses, parameters: names.into_iter().zip(parameters.iter().map(|values| narrow(values))).collect() })
}

fn values_of<'a>(state: &'a [NamedArray], name: &str) -> &'a [f32] {
    state.iter().find(|array| array.name == name).map_or(&[], |array| &array.values)
}

/// Matrices are weights; nothing else decays.
fn role(gradient: &NamedArray) -> Role {
    if gradient.shape.len() > 1 { Role::Weight } else { Role::Bias }
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|x| *x as f32).collect()
}
