//! The operations that optimizers need from a device.

use crate::base::Result;
use crate::nn::{Backend, Trainable};
use crate::optim::{OptimizerConfig, Step};

/// A device that updates all parameters of a network together, in a few passes.
///
/// If the device sums in a fixed order, results do not depend on the number of threads.
#[expect(clippy::missing_errors_doc, reason = "each method fails only where the device does")]
pub trait Optimize: Backend {
    /// Returns the global norm of all gradients; NaN or infinite if one of them is.
    fn gradient_norm(&self, parameters: &[Trainable<'_, Self::Buffer>]) -> Result<f64>;

    /// Multiplies every gradient by `factor`.
    fn scale_gradients(&self, parameters: &mut [Trainable<'_, Self::Buffer>], factor: f32) -> Result<()>;

    /// Takes one step. `state` holds the state vectors ([`OptimizerConfig::state_vectors`] each) of the first
    /// parameter, then those of the second, and so on. Gradients may be overwritten.
    fn update(
        &self,
        update: &Update<'_>,
        parameters: &mut [Trainable<'_, Self::Buffer>],
        state: &mut [Self::Buffer],
    ) -> Result<()>;

    /// Takes the step of [`Optimize::update`] on the host, for optimizers without a kernel of the device: parameters,
    /// gradients and state are downloaded, and parameters and state uploaded again.
    fn update_on_host(
        &self,
        update: &Update<'_>,
        parameters: &mut [Trainable<'_, Self::Buffer>],
        state: &mut [Self::Buffer],
    ) -> Result<()> {
        let download = |buffer: &Self::Buffer| self.download(buffer);
        let mut values = parameters.iter().map(|of| download(of.values)).collect::<Result<Vec<_>>>()?;
        let mut gradients = parameters.iter().map(|of| download(of.gradient)).collect::<Result<Vec<_>>>()?;
        let mut host_state = state.iter().map(download).collect::<Result<Vec<_>>>()?;
        let pairs = values.iter_mut().zip(&mut gradients).zip(parameters.iter());
        let mut on_host: Vec<_> =
            pairs.map(|((values, gradient), of)| Trainable { values, gradient, role: of.role }).collect();
        update.rule.rule().step(update.step, &mut on_host, &mut host_state);
        let targets = parameters.iter_mut().map(|of| &mut *of.values).chain(state);
        for (values, target) in values.into_iter().chain(host_state).zip(targets) {
            self.copy(&self.upload(values)?, target)?;
        }
        Ok(())
    }
}

/// One step of an optimizer.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The optimizer.
    pub rule: &'a OptimizerConfig,
    /// Learning rate and number of the step.
    pub step: Step,
}
