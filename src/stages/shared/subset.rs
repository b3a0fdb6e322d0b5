//! The part of a data set that a stage looks at.

use crate::dataset::Split;
use crate::study::DataFacts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the images of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    /// The training and validation images.
    Train,
    /// The test images.
    #[default]
    Test,
    /// All images.
    All,
}

impl Subset {
    /// Returns the number of its images.
    pub(in crate::stages) fn count(self, facts: &DataFacts) -> usize {
        match self {
            Self::Train => facts.train() + facts.validation(),
            Self::Test => facts.test(),
            Self::All => facts.all(),
        }
    }

    /// Returns its images by number.
    pub(in crate::stages) fn images(self, split: Split) -> Vec<usize> {
        let mut training = [split.train, split.validation].concat();
        training.sort_unstable();
        match self {
            Self::Train => training,
            Self::Test => split.test,
            Self::All => [training, split.test].concat(),
        }
    }
}
