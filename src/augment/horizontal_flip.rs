//! Random flip, left and right.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch, flip};
use crate::base::rng::{Rng, chance};
use crate::imaging::Flip;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Flip of left and right.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HorizontalFlip {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
}

impl Operator for HorizontalFlip {
    fn summary() -> &'static str {
        "Flip left and right."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        false
    }

    fn flip(&self, flip: Flip, rng: &mut Rng) -> Option<Flip> {
        Some(Flip { horizontal: flip.horizontal ^ chance(self.p as f32, rng), ..flip })
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        flip::horizontal(&mut scratch.planes, scratch.side);
    }
}
