//! The `dataset` section of a pipeline file.

use crate::dataset::source::SourceConfig;
use crate::imaging::Fit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The images, their size, and the fraction held out for validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// Where the images come from.
    pub source: SourceConfig,
    /// Side in pixels of the square images that networks see.
    #[schemars(range(min = 8, max = 1024))]
    pub image_size: usize,
    /// Fraction of the training set held out for validation and early stopping, whatever the labels are.
    #[serde(default = "DatasetConfig::default_validation")]
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub validation_fraction: f64,
    /// How an image becomes square when it is not augmented (in evaluation).
    #[serde(default)]
    pub fit: Fit,
    /// Larger images are resized to this shorter side when they are decoded; default: twice `image_size`.
    #[schemars(range(min = 8, max = 4096), extend("x-formerly" = ["stored_side"]))]
    pub stored_size: Option<usize>,
    /// What happens to files that cannot be decoded.
    #[serde(default)]
    pub broken_files: BrokenFiles,
    /// What happens to JPEGs that can be decoded but lost data inside.
    #[serde(default, skip_serializing_if = "DamagedJpegs::is_default")]
    #[schemars(extend("default" = "refuse"))]
    pub damaged_jpegs: DamagedJpegs,
}

impl DatasetConfig {
    fn default_validation() -> f64 {
        0.1
    }
}

/// What happens to files that cannot be decoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrokenFiles {
    /// The run stops before training and names each of them with the reason.
    #[default]
    Stop,
    /// They are skipped, and the report says how many.
    Skip,
}

/// What happens to JPEGs that can be decoded but lost data inside, as far as this can be detected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DamagedJpegs {
    /// They count as broken files.
    #[default]
    Refuse,
    /// They are used as far as they can be decoded, and the report lists them.
    Accept,
}

impl DamagedJpegs {
    /// Returns whether this is the default.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the damage of a decoded image, if any, provided that the image may be used.
    ///
    /// # Errors
    /// The damage, if damaged images are refused.
    pub(super) fn judge(self, damage: Option<String>) -> Result<Option<String>, String> {
        match (self, damage) {
            (Self::Refuse, Some(damage)) => Err(damage),
            (_, damage) => Ok(damage),
        }
    }
}
