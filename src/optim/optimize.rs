//! The operations that optimizers need from a device.

use crate::base::Result;
use crate::nn::{Backend, Trainable};
use crate::optim::OptimizerConfig;

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
}

/// One step of an optimizer.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The optimizer.
    pub rule: &'a OptimizerConfig,
    /// The learning rate.
    pub learning_rate: f64,
    /// Number of the step, the first being 1.
    pub number: u64,
}
