//! The `dataset` section of a pipeline file.

use crate::base::range;
use crate::imaging::Fit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The images, their size, and the fraction held out for validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetConfig {
    /// Where the images come from.
    pub source: SourceConfig,
    /// Side in pixels of the square images that networks see.
    #[serde(deserialize_with = "image_size")]
    pub image_size: usize,
    /// Fraction of the training set, stratified by class, held out for validation and early stopping.
    #[serde(default = "DatasetConfig::default_validation", deserialize_with = "range::below_one")]
    pub validation_fraction: f64,
    /// How an image becomes square when it is not augmented (in evaluation).
    #[serde(default)]
    pub fit: Fit,
    /// Larger images are resized to this shorter side when they are decoded; default: twice `image_size`.
    #[serde(default, alias = "stored_side", deserialize_with = "stored_size")]
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
    pub fn is_default(&self) -> bool {
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

/// Where the images come from. Relative paths are relative to the pipeline file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceConfig {
    /// One directory per class.
    #[serde(alias = "folder")]
    ImageFolder(TrainTestConfig),
    /// The class is the file name before the first `_`.
    Prefixed(TrainTestConfig),
    /// CIFAR-10 in its binary format.
    Cifar10(BinaryConfig),
    /// STL-10 in its binary format.
    Stl10(BinaryConfig),
    /// Synthetic images of geometric shapes.
    Shapes(ShapesConfig),
    /// Synthetic images of invented handwritten signs.
    Signs(SignsConfig),
}

/// A training and a test directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainTestConfig {
    /// Directory of the training images.
    #[schemars(extend("format" = "path"))]
    pub train: PathBuf,
    /// Directory of the test images; without it, `test_fraction` of the training images is held out.
    #[serde(default)]
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Fraction of the images held out for testing if there is no test directory, stratified by class.
    #[serde(default = "TrainTestConfig::default_test_fraction", deserialize_with = "range::fraction")]
    pub test_fraction: f64,
}

impl TrainTestConfig {
    fn default_test_fraction() -> f64 {
        0.2
    }
}

/// The directory with the binary files of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BinaryConfig {
    /// Directory with the files under their published names.
    #[schemars(extend("format" = "path"))]
    pub path: PathBuf,
}

/// Synthetic shapes: classes differ by shape; color, position, size, angle, background, texture and noise vary freely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShapesConfig {
    /// Total number of training images, the same for each class.
    #[serde(default = "ShapesConfig::default_train", deserialize_with = "range::at_least_one")]
    pub train: usize,
    /// Total number of test images.
    #[serde(default = "ShapesConfig::default_test", deserialize_with = "range::at_least_one")]
    pub test: usize,
    /// Number of classes, 2 to 8.
    #[serde(default = "ShapesConfig::default_classes", deserialize_with = "shape_classes")]
    pub classes: usize,
}

impl ShapesConfig {
    fn default_train() -> usize {
        2000
    }
    fn default_test() -> usize {
        1000
    }
    fn default_classes() -> usize {
        6
    }
}

/// Invented signs of three pen strokes: classes differ by sign; pen, position, size, slant, angle, ink and paper vary
/// freely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignsConfig {
    /// Total number of training images, the same for each class.
    #[serde(default = "SignsConfig::default_train", deserialize_with = "range::at_least_one")]
    pub train: usize,
    /// Total number of test images.
    #[serde(default = "SignsConfig::default_test", deserialize_with = "range::at_least_one")]
    pub test: usize,
    /// Number of classes, 2 to 50; more classes do not change the signs of the others.
    #[serde(default = "SignsConfig::default_classes", deserialize_with = "sign_classes")]
    pub classes: usize,
    /// Fraction of the images whose ink has the luma of the paper and differs only in hue: grayscale erases their sign.
    #[serde(default, deserialize_with = "range::probability")]
    pub hue_only: f64,
}

impl SignsConfig {
    fn default_train() -> usize {
        4000
    }
    fn default_test() -> usize {
        2000
    }
    fn default_classes() -> usize {
        20
    }
}

/// Maximum number of signs.
pub const MAX_SIGNS: usize = 50;

fn sign_classes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    classes_up_to(MAX_SIGNS, deserializer)
}

/// Maximum number of shapes.
pub const MAX_SHAPES: usize = 8;

fn shape_classes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    classes_up_to(MAX_SHAPES, deserializer)
}

fn classes_up_to<'de, D: serde::Deserializer<'de>>(max: usize, deserializer: D) -> Result<usize, D::Error> {
    let classes = usize::deserialize(deserializer)?;
    if (2..=max).contains(&classes) {
        return Ok(classes);
    }
    Err(serde::de::Error::custom(format!("must be between 2 and {max}, got {classes}")))
}

fn stored_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let side = usize::deserialize(deserializer)?;
    if (8..=8192).contains(&side) {
        return Ok(Some(side));
    }
    Err(serde::de::Error::custom(format!("must be between 8 and 8192, got {side}")))
}

fn image_size<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let side = usize::deserialize(deserializer)?;
    if (8..=1024).contains(&side) {
        return Ok(side);
    }
    Err(serde::de::Error::custom(format!("must be between 8 and 1024, got {side}")))
}
