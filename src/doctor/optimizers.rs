//! Optimizers, compared with their formulas in 64 bits.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::Result;
use crate::nn::{Role, Trainable};
use crate::optim::{Optimizer, OptimizerConfig, ReferenceParameter, Step, clip_gradients};
use crate::train::Compute;

const STEPS: usize = 3;
const RATE: f64 = 0.1;
/// The norm to which gradients are clipped.
const CLIP: f64 = 3.0;
/// Lengths that are not multiples of a vector or thread block.
const PARAMETERS: [(usize, Role); 4] =
    [(100_003, Role::Weight), (65, Role::Bias), (64, Role::NormScale), (7, Role::NormShift)];

pub(super) fn operations<D: Compute>() -> Vec<Operation<D>> {
    let operation = |rule: OptimizerConfig| {
        let name = format!("{}, clipped gradients", rule.rule().name());
        Operation::new(name, move |device: &D, _| compare(device, &rule)).in_32_bits()
    };
    OptimizerConfig::examples().into_iter().map(operation).collect()
}

/// Compares the updates of each parameter and the norms of the gradients.
fn compare<D: Compute>(device: &D, rule: &OptimizerConfig) -> Result<Vec<Comparison>> {
    let start: Vec<Vec<f32>> = PARAMETERS.iter().map(|(length, role)| numbers(&format!("{role:?}"), *length)).collect();
    let mut values = start.iter().map(|values| device.upload(values.clone())).collect::<Result<Vec<_>>>()?;
    let mut expected: Vec<Vec<f64>> = start.iter().map(|values| wide(values)).collect();
    let (mut optimizer, mut reference) = (Optimizer::new(rule), ReferenceOptimizer::new(rule));
    let (mut norms, mut expected_norms) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let gradients: Vec<Vec<f32>> =
            PARAMETERS.iter().map(|(length, role)| numbers(&format!("{role:?} gradient {step}"), *length)).collect();
        let mut on_device =
            gradients.iter().map(|gradient| device.upload(gradient.clone())).collect::<Result<Vec<_>>>()?;
        let mut parameters: Vec<_> = values
            .iter_mut()
            .zip(&mut on_device)
            .zip(PARAMETERS)
            .map(|((values, gradient), (_, role))| Trainable { values, gradient, role })
            .collect();
        let norm = device.gradient_norm(&parameters)?;
        clip_gradients(device, &mut parameters, norm, CLIP)?;
        optimizer.step(device, &mut parameters, RATE)?;
        norms.push(norm as f32);

        let mut gradients: Vec<Vec<f64>> = gradients.iter().map(|gradient| wide(gradient)).collect();
        let expected_norm = norm_of(gradients.iter().flatten());
        gradients.iter_mut().flatten().for_each(|g| *g *= CLIP / expected_norm);
        reference.step(&mut expected, &gradients, &PARAMETERS.map(|(_, role)| role), RATE);
        expected_norms.push(expected_norm as f32);
    }
    let mut comparisons = vec![Comparison::new("norm", norms, expected_norms)];
    for ((values, expected), start) in values.iter().zip(&expected).zip(&start) {
        let update = device.download(values)?.iter().zip(start).map(|(now, start)| now - start).collect();
        let expected = expected.iter().zip(start).map(|(now, start)| (now - f64::from(*start)) as f32).collect();
        comparisons.push(Comparison::new("steps", update, expected));
    }
    Ok(comparisons)
}

pub(super) fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|x| f64::from(*x)).collect()
}

fn norm_of<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

/// An optimizer as written in its paper, in 64 bits.
pub(super) struct ReferenceOptimizer<'a> {
    rule: &'a OptimizerConfig,
    number: u64,
    /// The state vectors of each parameter.
    state: Vec<Vec<Vec<f64>>>,
}

impl<'a> ReferenceOptimizer<'a> {
    pub(super) fn new(rule: &'a OptimizerConfig) -> Self {
        Self { rule, number: 0, state: Vec::new() }
    }

    pub(super) fn step(&mut self, values: &mut [Vec<f64>], gradients: &[Vec<f64>], roles: &[Role], rate: f64) {
        let rule = self.rule.rule();
        if self.number == 0 {
            self.state = values.iter().map(|values| vec![vec![0.0; values.len()]; rule.state_vectors()]).collect();
        }
        self.number += 1;
        let step = Step { learning_rate: rate, number: self.number };
        for (((values, gradient), role), state) in values.iter_mut().zip(gradients).zip(roles).zip(&mut self.state) {
            let decays = rule.options().decay.includes(*role);
            rule.reference_step(step, ReferenceParameter { decays, values, gradient, state });
        }
    }
}
