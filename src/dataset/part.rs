//! The parts of a data set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of a data set: its images are decoded into a store of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Training images, among them those that are held out for validation.
    #[default]
    #[serde(rename = "train")]
    Training,
    /// Validation images, if the source has them apart from the training images.
    Validation,
    /// Test images.
    Test,
    /// Images without labels beside labeled ones, which only pretraining uses.
    Unlabeled,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 4] = [Self::Training, Self::Validation, Self::Test, Self::Unlabeled];

    /// The parts with labels, in the order of an [`ImageDataset`](super::ImageDataset).
    pub const LABELED: [Self; 3] = [Self::Training, Self::Validation, Self::Test];

    /// Returns its name in names of stages, files and directories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Unlabeled => "unlabeled",
        }
    }
}
