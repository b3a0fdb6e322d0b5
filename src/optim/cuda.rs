//! Optimizers on an NVIDIA GPU: all parameters in one or two kernel launches.

use crate::base::Result;
use crate::nn::Trainable;
use crate::nn::cuda::{AdamStep, Buffer, MultiTensor, ParameterTensors};
use crate::optim::adam::WeightDecay;
use crate::optim::{
    AdamConfig, AdamwConfig, DecayedParameters, LarsConfig, Optimize, OptimizerConfig, SgdConfig, Step, Update,
};
use dfdx::prelude::Cuda;

impl Optimize for Cuda {
    fn gradient_norm(&self, parameters: &[Trainable<'_, Buffer>]) -> Result<f64> {
        multi_tensor(parameters, &[], 0, DecayedParameters::default())?.gradient_norm()
    }

    fn scale_gradients(&self, parameters: &mut [Trainable<'_, Buffer>], factor: f32) -> Result<()> {
        multi_tensor(parameters, &[], 0, DecayedParameters::default())?.scale_gradients(factor)
    }

    fn update(
        &self,
        update: &Update<'_>,
        parameters: &mut [Trainable<'_, Buffer>],
        state: &mut [Buffer],
    ) -> Result<()> {
        let Some(kernel) = Kernel::of(update) else { return self.update_on_host(update, parameters, state) };
        let decayed = update.rule.rule().options().decay;
        let tensors = multi_tensor(parameters, state, update.rule.state_vectors(), decayed)?;
        let rate = update.step.learning_rate;
        parameters.iter_mut().for_each(|parameter| parameter.values.changed());
        match kernel {
            Kernel::Sgd(config) => {
                tensors.sgd(rate as f32, config.momentum as f32, config.weight_decay as f32, config.nesterov)?;
            }
            Kernel::Adam(step) => tensors.adam(step)?,
            Kernel::Lars(config) => {
                tensors.lars(rate, config.momentum as f32, config.weight_decay as f32, config.trust)?;
            }
        }
        Ok(())
    }
}

/// The kernel of an optimizer.
enum Kernel<'a> {
    Sgd(&'a SgdConfig),
    /// Of Adam and AdamW, with the factors of one step.
    Adam(AdamStep),
    Lars(&'a LarsConfig),
}

impl<'a> Kernel<'a> {
    /// Returns the kernel of an optimizer that has one; the others run on the host.
    fn of(update: &Update<'a>) -> Option<Self> {
        match update.rule {
            OptimizerConfig::Sgd(config) => Some(Self::Sgd(config)),
            OptimizerConfig::Adam(config) => Some(Self::Adam(adam_step(config, WeightDecay::Coupled, update.step))),
            OptimizerConfig::Adamw(AdamwConfig(config)) => {
                Some(Self::Adam(adam_step(config, WeightDecay::Decoupled, update.step)))
            }
            OptimizerConfig::Lars(config) => Some(Self::Lars(config)),
            #[allow(unreachable_patterns, reason = "an optimizer needs no kernel, but all may have one")]
            _ => None,
        }
    }
}

/// Collects the parameters with their state, `vectors` state vectors each.
fn multi_tensor(
    parameters: &[Trainable<'_, Buffer>],
    state: &[Buffer],
    vectors: usize,
    decayed: DecayedParameters,
) -> Result<MultiTensor> {
    let state_of = |index: usize| state.get(index * vectors..(index + 1) * vectors).unwrap_or_default();
    let with_state = |(index, trainable): (usize, _)| parameter(trainable, state_of(index), decayed);
    let parameters: Vec<ParameterTensors<'_>> = parameters.iter().enumerate().map(with_state).collect();
    MultiTensor::new(&parameters)
}

fn parameter<'a>(
    trainable: &'a Trainable<'_, Buffer>,
    state: &'a [Buffer],
    decayed: DecayedParameters,
) -> ParameterTensors<'a> {
    let Trainable { values, gradient, role } = trainable;
    ParameterTensors { values, gradient, state, decays: decayed.includes(*role) }
}

/// Returns the factors of one step, which are the same for all parameters.
fn adam_step(config: &AdamConfig, kind: WeightDecay, step: Step) -> AdamStep {
    let ([beta1, beta2], rate) = (config.betas, step.learning_rate);
    let correction = |beta: f64| 1.0 - beta.powf(step.number as f64);
    let (in_gradient, shrink) = match kind {
        WeightDecay::Coupled => (config.weight_decay, 1.0),
        WeightDecay::Decoupled => (0.0, 1.0 - rate * config.weight_decay),
    };
    AdamStep {
        size: (rate / correction(beta1)) as f32,
        root: (1.0 / correction(beta2).sqrt()) as f32,
        keep1: beta1 as f32,
        add1: (1.0 - beta1) as f32,
        keep2: beta2 as f32,
        add2: (1.0 - beta2) as f32,
        epsilon: config.epsilon as f32,
        in_gradient: in_gradient as f32,
        shrink: shrink as f32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Role;
    use dfdx::prelude::Cpu;

    /// Two steps of one weight with the factors for the kernel, against the CPU.
    #[test]
    fn the_factors_for_the_kernel_agree_with_the_cpu() {
        let adam =
            AdamConfig { betas: [0.8, 0.95], epsilon: 1e-3, weight_decay: 0.2, ..AdamConfig::with_learning_rate(0.1) };
        for rule in [OptimizerConfig::Adam(adam.clone()), OptimizerConfig::Adamw(AdamwConfig(adam))] {
            let (mut value, mut gradient) = (vec![0.7f32], vec![-0.3f32]);
            let mut state = vec![vec![0.0f32]; 2];
            let (mut w, mut m, mut v) = (0.7f32, 0.0f32, 0.0f32);
            for number in 1..=2 {
                let update = Update { rule: &rule, step: Step { learning_rate: 0.1, number } };
                let trainable = Trainable { values: &mut value, gradient: &mut gradient, role: Role::Weight };
                Cpu::default().update(&update, &mut [trainable], &mut state).unwrap();
                let Some(Kernel::Adam(step)) = Kernel::of(&update) else { panic!() };
                let g = -0.3 + step.in_gradient * w;
                m = step.keep1 * m + step.add1 * g;
                v = step.keep2 * v + step.add2 * g * g;
                w = step.shrink * w - step.size * m / (v.sqrt() * step.root + step.epsilon);
                assert_eq!(w, value[0]);
            }
        }
    }
}
