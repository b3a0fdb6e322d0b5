//! Keys of kNN and embeddings in a pipeline file.

use crate::base::range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Weighted k-nearest-neighbors classification (Wu et al. 2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnnConfig {
    /// Number of neighbors that vote; at most the number of labeled images.
    #[serde(default = "KnnConfig::default_k", deserialize_with = "range::at_least_one")]
    pub k: usize,
    /// A neighbor's vote weighs exp(cosine / temperature).
    #[serde(default = "KnnConfig::default_temperature", deserialize_with = "range::positive")]
    pub temperature: f64,
}

impl KnnConfig {
    fn default_k() -> usize {
        20
    }
    fn default_temperature() -> f64 {
        0.1
    }
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self { k: Self::default_k(), temperature: Self::default_temperature() }
    }
}

/// Method that embeds features in the plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmbedMethod {
    /// t-distributed stochastic neighbor embedding (van der Maaten and Hinton 2008).
    Tsne(TsneConfig),
    /// The first two principal components.
    Pca(PcaConfig),
}

/// Parameters of t-SNE; defaults as in scikit-learn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TsneConfig {
    /// Effective number of neighbors.
    #[serde(default = "TsneConfig::default_perplexity", deserialize_with = "perplexity")]
    pub perplexity: f64,
    /// Steps of gradient descent; at most a million.
    #[serde(default = "TsneConfig::default_iterations", deserialize_with = "iterations")]
    pub iterations: usize,
}

impl TsneConfig {
    fn default_perplexity() -> f64 {
        30.0
    }
    fn default_iterations() -> usize {
        1000
    }
}

/// PCA has no parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PcaConfig {}

fn iterations<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    /// Takes hours for a thousand images, and is a thousand times the usual number.
    const MAX: usize = 1_000_000;
    match usize::deserialize(deserializer)? {
        iterations @ 1..=MAX => Ok(iterations),
        other => Err(serde::de::Error::custom(format!("must be between 1 and {MAX}, got {other}"))),
    }
}

fn perplexity<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    range::checked(deserializer, "at least 2", |perplexity| perplexity >= 2.0)
}
