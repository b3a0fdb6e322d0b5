//! Resizing to the image size.

use crate::augment::{Operator, Scratch};
use crate::base::rng::Rng;
use crate::imaging::{Fit, ImageRef, Region};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Resize to the image size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// How an image that is not square becomes a square.
    #[serde(default)]
    pub fit: Fit,
}

impl Operator for Resize {
    fn summary() -> &'static str {
        "Resize to the image size."
    }

    fn probability(&self) -> Option<f64> {
        None
    }

    fn needs_unit_range(&self) -> bool {
        false
    }

    fn region(&self, image: ImageRef<'_>, _: &mut Rng) -> Option<Region> {
        Some(image.kept(self.fit))
    }

    /// Does nothing: the intermediate image already has this size.
    fn apply(&self, _: &mut Scratch, _: &mut Rng) {}
}
