//! Solarize: bright values are inverted.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::Rng;
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Solarize (as in BYOL).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Solarize {
    /// Probability of being applied.
    #[serde(default = "Solarize::default_p")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Values at or above this threshold are inverted; 1 is white.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1), extend("x-scale" = 255))]
    pub threshold: f64,
}

impl Solarize {
    fn default_p() -> f64 {
        0.2
    }
}

impl Operator for Solarize {
    fn summary() -> &'static str {
        "Invert the values at or above a threshold."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        solarize(&mut scratch.planes, self.threshold as f32);
    }
}

vectorized! {
    /// Inverts the values at or above `threshold`. torchvision's `solarize`.
    pub fn solarize(planes: &mut [f32], threshold: f32) {
        for value in planes {
            *value = if *value >= threshold { 1.0 - *value } else { *value };
        }
    }
}
