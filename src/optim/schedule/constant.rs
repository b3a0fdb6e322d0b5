//! A constant learning rate.

use crate::optim::schedule::{Decay, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A constant learning rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConstantConfig {
    /// Length of the linear warm-up from 0, in epochs.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub warmup_epochs: f64,
}

impl ConstantConfig {
    pub(super) const SUMMARY: &str = "The peak, after the warm-up.";

    #[cfg(test)]
    pub(super) fn examples() -> [Self; 1] {
        [Self { warmup_epochs: 2.0 }]
    }
}

impl Decay for ConstantConfig {
    fn warmup_epochs(&self) -> f64 {
        self.warmup_epochs
    }

    fn factor(&self, _: &Position) -> f64 {
        1.0
    }
}
