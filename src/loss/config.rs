//! What a pipeline file says of the contrastive loss.

use crate::base::range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The contrastive loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossConfig {
    /// Normalized temperature-scaled cross-entropy (SimCLR, equation 1).
    NtXent(NtXentConfig),
}

/// Parameters of NT-Xent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NtXentConfig {
    /// Similarities are divided by this.
    #[serde(default = "NtXentConfig::default_temperature", deserialize_with = "range::positive")]
    pub temperature: f64,
    /// How two vectors are compared.
    #[serde(default)]
    pub similarity: Similarity,
}

impl NtXentConfig {
    fn default_temperature() -> f64 {
        0.1
    }
}

/// How two projected vectors are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Dot product of the vectors scaled to length 1.
    #[default]
    Cosine,
    /// Plain dot product.
    Dot,
}
