//! The `dataset` section of a pipeline file.

use crate::dataset::fingerprint::Fingerprint;
use crate::dataset::part::Part;
use crate::dataset::source::SourceConfig;
use crate::dataset::store::StoreForm;
use crate::imaging::{Fit, SixteenBit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Default of `validation_fraction` for images with labels.
const DEFAULT_VALIDATION_FRACTION: f64 = 0.1;

/// The images, their size, and the fraction held out for validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// Where the images come from.
    pub source: SourceConfig,
    /// Side in pixels of the square images that networks see.
    #[schemars(range(min = 8, max = 1024))]
    pub image_size: usize,
    /// Fraction of the training set held out for validation and early stopping, whatever the labels are. Default: 0.1, or
    /// 0 if the images have no labels. Not allowed if the source has validation images of its own.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub validation_fraction: Option<f64>,
    /// How an image becomes square when it is not augmented (in evaluation).
    #[serde(default)]
    pub fit: Fit,
    /// Larger images are resized to this shorter side when they are decoded; default: twice `image_size`.
    #[schemars(range(min = 8, max = 4096), extend("x-formerly" = ["stored_side"]))]
    pub stored_size: Option<usize>,
    /// How decoded images are kept for the stages that read them. No result depends on it.
    #[serde(default, skip_serializing_if = "StoreForm::is_default")]
    #[schemars(extend("default" = "decoded"))]
    pub store: StoreForm,
    /// What happens to files that cannot be decoded.
    #[serde(default)]
    pub broken_files: BrokenFiles,
    /// What happens to JPEGs that can be decoded but lost data inside.
    #[serde(default, skip_serializing_if = "DamagedJpegs::is_default")]
    #[schemars(extend("default" = "refuse"))]
    pub damaged_jpegs: DamagedJpegs,
    /// What happens if test images are also training or validation images or images without labels, if validation images
    /// are also training images, or if an image has the label of several classes. Copies with equal files are found by
    /// `validate`, those with equal pixels before evaluation; the report also shows images that look nearly the same.
    #[serde(default, skip_serializing_if = "OnDuplicates::is_default")]
    #[schemars(extend("default" = "warn"))]
    pub duplicates: OnDuplicates,
    /// How the values of 16-bit images become 8 bits.
    #[serde(default, skip_serializing_if = "SixteenBit::is_default")]
    #[schemars(extend("default" = "full"))]
    pub sixteen_bit: SixteenBit,
}

impl DatasetConfig {
    /// Returns the form in which images are kept: the one of the file, as far as the source allows it.
    pub(crate) fn form(&self) -> StoreForm {
        self.store.min(self.source.source().most_compact())
    }

    /// Returns the fraction of the training images that is held out for validation.
    pub fn held_out_for_validation(&self, data: &Fingerprint) -> f64 {
        let has_labels = data.classes.iter().any(|class| !class.name.is_empty());
        match self.validation_fraction {
            _ if data.has(Part::Validation) => 0.0,
            Some(fraction) => fraction,
            None if has_labels => DEFAULT_VALIDATION_FRACTION,
            None => 0.0,
        }
    }
}

/// What happens if images are duplicates of images of another part or class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDuplicates {
    /// A warning, and the report shows them.
    #[default]
    Warn,
    /// An error.
    Error,
    /// They are not searched for.
    Ignore,
}

impl OnDuplicates {
    /// Returns whether this is the default.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
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
