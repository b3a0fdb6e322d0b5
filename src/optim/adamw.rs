//! AdamW (Loshchilov and Hutter 2017, arXiv 1711.05101), as `torch.optim.AdamW`: Adam whose weight decay is applied to
//! the weight directly.

use crate::nn::Trainable;
use crate::optim::adam::{STATE_VECTORS, WeightDecay};
use crate::optim::{AdamConfig, Options, ReferenceParameter, Step, UpdateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// AdamW, with the settings of Adam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AdamwConfig(pub AdamConfig);

impl AdamwConfig {
    pub(crate) const SUMMARY: &str = "AdamW (Loshchilov and Hutter 2017): decoupled weight decay.";

    pub(super) fn examples() -> [Self; 1] {
        AdamConfig::examples().map(Self)
    }
}

impl UpdateRule for AdamwConfig {
    fn name(&self) -> &'static str {
        "AdamW"
    }

    fn options(&self) -> Options {
        self.0.options()
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.0.set_learning_rate(rate);
    }

    fn state_vectors(&self) -> usize {
        STATE_VECTORS
    }

    fn step(&self, step: Step, parameters: &mut [Trainable<'_, Vec<f32>>], state: &mut [Vec<f32>]) {
        self.0.step_with(WeightDecay::Decoupled, step, parameters, state);
    }

    fn reference_step(&self, step: Step, parameter: ReferenceParameter<'_>) {
        self.0.reference_step_with(WeightDecay::Decoupled, step, parameter);
    }
}
