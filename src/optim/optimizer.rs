//! The optimizer of a training run: its settings, the number of steps taken, and its state.

use crate::base::{Error, Result};
use crate::nn::Trainable;
use crate::optim::{Optimize, OptimizerConfig, Step, Update};

/// An optimizer, which updates parameters from their gradients.
///
/// Weight decay and the trust ratio of LARS apply to [`DecayedParameters`](crate::optim::DecayedParameters): only to
/// weights by default, where PyTorch's optimizers decay all parameters.
#[derive(Debug)]
pub struct Optimizer<D: Optimize> {
    config: OptimizerConfig,
    steps: u64,
    /// The state vectors of the first parameter, then those of the second, and so on; empty before the first step.
    state: Vec<D::Buffer>,
}

impl<D: Optimize> Optimizer<D> {
    /// Creates an optimizer that has taken no steps.
    pub fn new(config: &OptimizerConfig) -> Self {
        Self { config: config.clone(), steps: 0, state: Vec::new() }
    }

    /// Returns the same optimizer before its first step.
    #[must_use]
    pub fn fresh(&self) -> Self {
        Self::new(&self.config)
    }

    /// Returns the peak learning rate, which the schedule scales.
    pub fn peak_learning_rate(&self) -> f64 {
        self.config.learning_rate()
    }

    /// Takes one step with the given learning rate. The parameters must be the same at each step, in the same order.
    /// Gradients may be overwritten: LARS adds the weight decay to them.
    ///
    /// # Errors
    /// The device failed.
    pub fn step(&mut self, device: &D, parameters: &mut [Trainable<'_, D::Buffer>], learning_rate: f64) -> Result<()> {
        if self.state.is_empty() {
            self.state = self.fresh_state(device, parameters)?;
        }
        self.steps += 1;
        let step = Step { learning_rate, number: self.steps };
        device.update(&Update { rule: &self.config, step }, parameters, &mut self.state)
    }

    /// Returns the number of steps taken and the state vectors in the order of the parameters
    /// ([`OptimizerConfig::state_vectors`] each); none at all before the first step.
    pub fn state(&self) -> (u64, &[D::Buffer]) {
        (self.steps, &self.state)
    }

    /// Resumes from the state of an optimizer with the same configuration; `lengths` are those of the parameters.
    ///
    /// # Errors
    /// The state does not match the parameters, or the device failed; nothing is changed then.
    pub fn restore(&mut self, device: &D, steps: u64, state: Vec<Vec<f32>>, lengths: &[usize]) -> Result<()> {
        let expected = lengths.iter().flat_map(|length| std::iter::repeat_n(length, self.config.state_vectors()));
        let fresh = steps == 0 && state.is_empty();
        if !fresh && !state.iter().map(Vec::len).eq(expected.copied()) {
            return Err(Error::stage("the optimizer state does not match the network")
                .help("the checkpoint belongs to a different network or optimizer: restart the stage"));
        }
        self.state = state.into_iter().map(|vector| device.upload(vector)).collect::<Result<_>>()?;
        self.steps = steps;
        Ok(())
    }

    fn fresh_state(&self, device: &D, parameters: &[Trainable<'_, D::Buffer>]) -> Result<Vec<D::Buffer>> {
        let lengths = parameters.iter().map(|parameter| device.length(parameter.values));
        let vectors = lengths.flat_map(|length| std::iter::repeat_n(length, self.config.state_vectors()));
        vectors.map(|length| device.allocate(length)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::nn::Role;
    use dfdx::prelude::Cpu;

    /// Parameters of several roles after three steps, which `update` takes, and the state.
    fn after_steps(
        rule: &OptimizerConfig,
        update: impl Fn(&Update<'_>, &mut [Trainable<'_, Vec<f32>>], &mut [Vec<f32>]),
    ) -> [Vec<Vec<f32>>; 2] {
        let numbers = |name: &str| -> Vec<f32> {
            let mut random = rng::stream(5, name, &[]);
            (0..37).map(|_| rng::normal(&mut random)).collect()
        };
        let mut values = vec![numbers("weights"), numbers("biases")];
        let mut state = vec![vec![0.0; 37]; 2 * rule.state_vectors()];
        for number in 1..=3 {
            let mut gradients = [numbers(&format!("weights {number}")), numbers(&format!("biases {number}"))];
            let pairs = values.iter_mut().zip(&mut gradients).zip([Role::Weight, Role::Bias]);
            let mut parameters: Vec<_> =
                pairs.map(|((values, gradient), role)| Trainable { values, gradient, role }).collect();
            let step = Step { learning_rate: 0.1, number };
            update(&Update { rule, step }, &mut parameters, &mut state);
        }
        [values, state]
    }

    #[test]
    fn every_optimizer_is_named_by_its_key_and_takes_the_same_steps_without_a_kernel() {
        let (device, examples) = (Cpu::default(), OptimizerConfig::examples());
        for rule in &examples {
            let written = serde_json::to_value(rule).unwrap();
            assert!(written.get(rule.key()).is_some(), "{written}");
            let direct = after_steps(rule, |update, parameters, state| {
                device.update(update, parameters, state).unwrap();
            });
            let on_host = after_steps(rule, |update, parameters, state| {
                device.update_on_host(update, parameters, state).unwrap();
            });
            assert_eq!(direct, on_host, "{rule:?}");
        }
    }
}
