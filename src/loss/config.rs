//! Contrastive loss settings of a pipeline file.

use crate::base::range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The contrastive loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossConfig {
    /// NT-Xent, the normalized temperature-scaled cross-entropy (Chen et al. 2020, equation 1).
    NtXent(NtXentConfig),
}

/// Parameters of NT-Xent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NtXentConfig {
    /// Temperature that similarities are divided by.
    #[serde(default = "NtXentConfig::default_temperature", deserialize_with = "range::positive")]
    pub temperature: f64,
    /// Similarity of two projections.
    #[serde(default)]
    pub similarity: Similarity,
}

impl NtXentConfig {
    fn default_temperature() -> f64 {
        0.1
    }
}

/// Similarity of two projections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Cosine similarity.
    #[default]
    Cosine,
    /// Dot product, without normalization.
    Dot,
}
