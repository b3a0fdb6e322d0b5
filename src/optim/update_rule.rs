//! What an optimizer is: the options of a pipeline file and the update of parameters.

use crate::nn::Trainable;
use crate::optim::Options;

/// An optimizer. Its configuration implements this, in the file of the optimizer; the file and a line in the list of
/// `optim` are all that it needs. Devices may have a kernel for it, and fall back to [`UpdateRule::step`] otherwise.
pub trait UpdateRule {
    /// Display name, such as "AdamW".
    fn name(&self) -> &'static str;

    /// Returns the options that every optimizer has.
    fn options(&self) -> Options;

    /// Sets the peak learning rate, which is then no longer scaled with the batch size.
    fn set_learning_rate(&mut self, rate: f64);

    /// Returns settings that do not go together. Ranges of single values are in the schema instead.
    fn problems(&self) -> Vec<SettingProblem> {
        Vec::new()
    }

    /// Returns the number of state vectors per parameter, each of the parameter's length and 0 before the first step.
    fn state_vectors(&self) -> usize;

    /// Takes one step on the host. `state` holds the state vectors of the first parameter, then those of the second,
    /// and so on. Gradients may be overwritten.
    fn step(&self, step: Step, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>]);

    /// Takes one step of one parameter as written in the paper, in 64 bits. Devices are checked against it, so it
    /// shares no code with [`UpdateRule::step`].
    fn reference_step(&self, step: Step, parameter: ReferenceParameter<'_>);
}

/// The learning rate of a step, and its number.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The learning rate.
    pub learning_rate: f64,
    /// Number of the step, the first being 1.
    pub number: u64,
}

/// A parameter of [`UpdateRule::reference_step`].
#[derive(Debug)]
pub struct ReferenceParameter<'a> {
    /// Whether weight decay applies to it, and the trust ratio of LARS.
    pub decays: bool,
    /// The values, which the step updates.
    pub values: &'a mut [f64],
    /// The gradient.
    pub gradient: &'a [f64],
    /// The state vectors.
    pub state: &'a mut [Vec<f64>],
}

/// Settings of a pipeline file that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem {
    /// The key below the one of the optimizer or schedule; elements of lists are keys by their index.
    pub keys: Vec<String>,
    /// What is wrong, a sentence without a period.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}
