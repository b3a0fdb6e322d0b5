//! The optimizer of a training run: its settings, the number of steps taken, and its state.

use crate::base::{Error, Result};
use crate::nn::Trainable;
use crate::optim::{Optimize, OptimizerConfig, Update, adam, lars, sgd};

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

impl OptimizerConfig {
    /// Returns the number of state vectors per parameter.
    pub fn state_vectors(&self) -> usize {
        match self {
            Self::Sgd(config) => sgd::state_vectors(config),
            Self::Adam(_) | Self::Adamw(_) => adam::STATE_VECTORS,
            Self::Lars(_) => lars::STATE_VECTORS,
        }
    }
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
    /// LARS adds the weight decay to the gradients.
    ///
    /// # Errors
    /// The device failed.
    pub fn step(&mut self, device: &D, parameters: &mut [Trainable<'_, D::Buffer>], learning_rate: f64) -> Result<()> {
        if self.state.is_empty() {
            self.state = self.fresh_state(device, parameters)?;
        }
        self.steps += 1;
        let update = Update { rule: &self.config, learning_rate, number: self.steps };
        device.update(&update, parameters, &mut self.state)
    }

    /// Returns the number of steps taken and the state vectors in the order of the parameters: one each for SGD with
    /// momentum and LARS, two for Adam and AdamW, none for SGD without momentum; none at all before the first step.
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
