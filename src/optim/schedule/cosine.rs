//! A cosine schedule (Loshchilov and Hutter 2016, arXiv 1608.03983), without restarts.

use crate::optim::schedule::{Decay, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A cosine schedule (Loshchilov and Hutter 2016, without restarts).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CosineConfig {
    /// Length of the linear warm-up from 0, in epochs.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub warmup_epochs: f64,
    /// Step at which the learning rate reaches 0. Default: the end of the run; the W&B report uses 1000.
    #[schemars(range(min = 1))]
    pub steps: Option<u64>,
}

impl CosineConfig {
    pub(super) const SUMMARY: &str = "Cosine decay from the peak to 0, after the warm-up.";

    #[cfg(test)]
    pub(super) fn examples() -> [Self; 1] {
        [Self { warmup_epochs: 2.0, steps: None }]
    }
}

impl Decay for CosineConfig {
    fn warmup_epochs(&self) -> f64 {
        self.warmup_epochs
    }

    fn factor(&self, at: &Position) -> f64 {
        let end = self.steps.unwrap_or(at.total);
        cosine(at.step - at.warmup, end.saturating_sub(at.warmup))
    }
}

/// Returns the cosine decay: 1 at step 0, 0 from step `length`.
fn cosine(step: u64, length: u64) -> f64 {
    if step >= length {
        return 0.0;
    }
    0.5 * (1.0 + (PI * step as f64 / length as f64).cos())
}
