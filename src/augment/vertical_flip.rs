//! Random flip, top and bottom.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch, flip};
use crate::base::rng::{Rng, chance};
use crate::imaging::Flip;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Flip of top and bottom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VerticalFlip {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
}

impl Operator for VerticalFlip {
    fn summary() -> &'static str {
        "Flip top and bottom."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        false
    }

    fn flip(&self, flip: Flip, rng: &mut Rng) -> Option<Flip> {
        Some(Flip { vertical: flip.vertical ^ chance(self.p as f32, rng), ..flip })
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        flip::vertical(&mut scratch.planes, scratch.side);
    }
}
