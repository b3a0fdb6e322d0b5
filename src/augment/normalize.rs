//! Normalization per channel.

use crate::augment::{Operator, Scratch};
use crate::base::rng::Rng;
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Normalization per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Normalize {
    /// Mean of the red, green and blue channels, between 0 and 1: 1 is white.
    #[schemars(extend("items" = { "type": "number", "minimum": 0, "maximum": 1, "x-scale": 255 }))]
    pub mean: [f64; 3],
    /// Standard deviation of the red, green and blue channels, above 0 and at most 1.
    #[schemars(extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1, "x-scale": 255 }))]
    pub std: [f64; 3],
}

impl Operator for Normalize {
    fn summary() -> &'static str {
        "Subtract a mean and divide by a standard deviation per channel; the only operator that is also applied in \
         evaluation."
    }

    fn probability(&self) -> Option<f64> {
        None
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn keeps_unit_range(&self) -> bool {
        false
    }

    fn is_for_evaluation(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        normalize(&mut scratch.planes, self.mean, self.std);
    }
}

/// Subtracts `mean` and divides by `std` in each channel of `[3, side, side]`. torchvision's `normalize`.
pub fn normalize(planes: &mut [f32], mean: [f64; 3], std: [f64; 3]) {
    let area = planes.len() / mean.len();
    for ((plane, mean), std) in planes.chunks_exact_mut(area).zip(mean).zip(std) {
        shift_and_scale(plane, mean as f32, (1.0 / std) as f32);
    }
}

vectorized! {
    fn shift_and_scale(plane: &mut [f32], mean: f32, scale: f32) {
        for value in plane {
            *value = (*value - mean) * scale;
        }
    }
}
