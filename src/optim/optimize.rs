//! What optimizers need of a device.

use crate::base::Result;
use crate::nn::{Backend, Trainable};
use crate::optim::OptimizerConfig;

/// A device that updates all parameters of a network together, in a few passes.
///
/// Where the device adds in a fixed order, results do not depend on the number of threads.
#[expect(clippy::missing_errors_doc, reason = "each method fails only where the device does")]
pub trait Optimize: Backend {
    /// Euclidean length of all gradients together; NaN or infinite where one of them is.
    fn gradient_norm(&self, parameters: &[Trainable<'_, Self::Buffer>]) -> Result<f64>;

    /// Multiplies every gradient.
    fn scale_gradients(&self, parameters: &mut [Trainable<'_, Self::Buffer>], factor: f32) -> Result<()>;

    /// Takes one step by the rule. `state` holds the state vectors ([`OptimizerConfig::state_vectors`] each) of the first
    /// parameter, then those of the second, and so on. Gradients may be written, which is their last use.
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
    /// The rule.
    pub rule: &'a OptimizerConfig,
    /// The learning rate.
    pub learning_rate: f64,
    /// The number of the step, the first being 1.
    pub count: u64,
}
