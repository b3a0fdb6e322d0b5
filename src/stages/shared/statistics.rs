//! Batch-norm statistics that a frozen encoder uses.

use crate::study::Check;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Batch-norm statistics that the encoder uses when features are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormStatistics {
    /// The running statistics of training (evaluation mode).
    #[default]
    Running,
    /// The statistics of each batch, as `predict` of a Keras model that was built with `training=True`.
    Batch,
}

/// Order in which images are grouped into the batches whose statistics are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchOrder {
    /// The order of the data set, which often lists the images of a class one after another.
    #[default]
    Dataset,
    /// A random order; training and test images are in separate batches.
    Random,
}

/// Batch-norm statistics that the encoder uses when features are computed, with the composition of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FeatureStatistics {
    /// The running statistics of training.
    Running,
    /// The statistics of each batch; the last batch may be smaller.
    Batch {
        /// Images per batch.
        images: usize,
        /// Order in which images are grouped into batches.
        order: BatchOrder,
    },
}

/// The three keys of a section that choose the statistics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatisticsKeys {
    /// `statistics`
    pub statistics: BatchNormStatistics,
    /// `statistics_batch`
    pub batch: Option<usize>,
    /// `statistics_order`
    pub order: Option<BatchOrder>,
}

impl StatisticsKeys {
    /// Default number of images per batch.
    const DEFAULT_BATCH: usize = 64;

    /// Resolves the keys, with defaults.
    pub(crate) fn resolve(self) -> FeatureStatistics {
        match self.statistics {
            BatchNormStatistics::Running => FeatureStatistics::Running,
            BatchNormStatistics::Batch => FeatureStatistics::Batch {
                images: self.batch.unwrap_or(Self::DEFAULT_BATCH),
                order: self.order.unwrap_or_default(),
            },
        }
    }

    /// Reports keys of batches if running statistics are used.
    pub(crate) fn check(self, check: &mut Check<'_>) {
        if self.statistics == BatchNormStatistics::Running {
            let help = "remove it, or set `statistics = \"batch\"`";
            check.no_effect(&["statistics_batch", "statistics_order"], "`statistics = \"running\"`", help);
        }
    }
}
