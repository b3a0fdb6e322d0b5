//! Optimizers, compared with their formulas in 64 bits.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::Result;
use crate::nn::{Role, Trainable};
use crate::optim::config::{AdamConfig, LarsConfig, SgdConfig};
use crate::optim::{DecayedParameters, Optimizer, OptimizerConfig, RateScale, clip_gradients};
use crate::train::Compute;

const STEPS: usize = 3;
const RATE: f64 = 0.1;
/// The norm to which gradients are clipped.
const CLIP: f64 = 3.0;
/// Lengths that are not multiples of a vector or thread block.
const PARAMETERS: [(usize, Role); 4] =
    [(100_003, Role::Weight), (65, Role::Bias), (64, Role::NormScale), (7, Role::NormShift)];

pub(super) fn operations<D: Compute>() -> Vec<Operation<D>> {
    let sgd = SgdConfig {
        learning_rate: RATE,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 0.01,
        decay: DecayedParameters::default(),
        scale: RateScale::default(),
    };
    let adam = AdamConfig {
        learning_rate: RATE,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weight_decay: 0.01,
        decay: DecayedParameters::default(),
        scale: RateScale::default(),
    };
    let lars = LarsConfig {
        learning_rate: RATE,
        momentum: 0.9,
        weight_decay: 0.01,
        trust: 0.02,
        decay: DecayedParameters::default(),
        scale: RateScale::default(),
    };
    [
        ("SGD, clipped gradients", OptimizerConfig::Sgd(sgd)),
        ("Adam, clipped gradients", OptimizerConfig::Adam(adam.clone())),
        ("AdamW, clipped gradients", OptimizerConfig::Adamw(adam)),
        ("LARS, clipped gradients", OptimizerConfig::Lars(lars)),
    ]
    .into_iter()
    .map(|(name, rule)| Operation::new(name, move |device: &D, _| compare(device, &rule)).in_32_bits())
    .collect()
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

/// The optimizers as written in their papers, in 64 bits.
pub(super) struct ReferenceOptimizer<'a> {
    rule: &'a OptimizerConfig,
    count: i32,
    /// Momentum or first moment of each parameter.
    first: Vec<Vec<f64>>,
    /// Second moment of each parameter.
    second: Vec<Vec<f64>>,
}

impl<'a> ReferenceOptimizer<'a> {
    pub(super) fn new(rule: &'a OptimizerConfig) -> Self {
        Self { rule, count: 0, first: Vec::new(), second: Vec::new() }
    }

    pub(super) fn step(&mut self, values: &mut [Vec<f64>], gradients: &[Vec<f64>], roles: &[Role], rate: f64) {
        if self.count == 0 {
            self.first = values.iter().map(|values| vec![0.0; values.len()]).collect();
            self.second.clone_from(&self.first);
        }
        self.count += 1;
        for (i, values) in values.iter_mut().enumerate() {
            let (gradient, is_weight) = (&gradients[i], roles[i] == Role::Weight);
            let (first, second) = (&mut self.first[i], &mut self.second[i]);
            match self.rule {
                OptimizerConfig::Sgd(config) => sgd(config, is_weight, values, gradient, first, rate),
                OptimizerConfig::Lars(config) => lars(config, is_weight, values, gradient, first, rate),
                OptimizerConfig::Adam(config) => {
                    adam((config, false, self.count), is_weight, values, gradient, (first, second), rate);
                }
                OptimizerConfig::Adamw(config) => {
                    adam((config, true, self.count), is_weight, values, gradient, (first, second), rate);
                }
            }
        }
    }
}

fn sgd(config: &SgdConfig, is_weight: bool, values: &mut [f64], gradient: &[f64], velocity: &mut [f64], rate: f64) {
    let decay = if is_weight { config.weight_decay } else { 0.0 };
    for ((w, g), v) in values.iter_mut().zip(gradient).zip(velocity) {
        let g = g + decay * *w;
        *v = config.momentum * *v + g;
        *w -= rate * if config.nesterov { g + config.momentum * *v } else { *v };
    }
}

fn lars(config: &LarsConfig, is_weight: bool, values: &mut [f64], gradient: &[f64], velocity: &mut [f64], rate: f64) {
    let decay = if is_weight { config.weight_decay } else { 0.0 };
    let gradient: Vec<f64> = gradient.iter().zip(values.iter()).map(|(g, w)| g + decay * w).collect();
    let trust = if is_weight { config.trust * norm_of(values.iter()) / norm_of(gradient.iter()) } else { 1.0 };
    for ((w, g), v) in values.iter_mut().zip(gradient).zip(velocity) {
        *v = config.momentum * *v + rate * trust * g;
        *w -= *v;
    }
}

fn adam(
    (config, is_decoupled, count): (&AdamConfig, bool, i32),
    is_weight: bool,
    values: &mut [f64],
    gradient: &[f64],
    (first, second): (&mut [f64], &mut [f64]),
    rate: f64,
) {
    let ([beta1, beta2], decay) = (config.betas, if is_weight { config.weight_decay } else { 0.0 });
    for ((w, g), (m, v)) in values.iter_mut().zip(gradient).zip(first.iter_mut().zip(second)) {
        let g = if is_decoupled { *g } else { g + decay * *w };
        if is_decoupled {
            *w -= rate * decay * *w;
        }
        *m = beta1 * *m + (1.0 - beta1) * g;
        *v = beta2 * *v + (1.0 - beta2) * g * g;
        let (mean, square) = (*m / (1.0 - beta1.powi(count)), *v / (1.0 - beta2.powi(count)));
        *w -= rate * mean / (square.sqrt() + config.epsilon);
    }
}
