//! Keys of kNN and embeddings in a pipeline file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Weighted k-nearest-neighbors classification (Wu et al. 2018).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KnnConfig {
    /// Number of neighbors that vote; at most the number of labeled images.
    pub k: usize,
    /// A neighbor's vote weighs exp(cosine / temperature).
    pub temperature: f64,
}

impl Default for KnnConfig {
    fn default() -> Self {
        Self { k: 20, temperature: 0.1 }
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
    #[serde(default = "TsneConfig::default_perplexity")]
    #[schemars(range(min = 2))]
    pub perplexity: f64,
    /// Steps of gradient descent. A million takes hours for a thousand images.
    #[serde(default = "TsneConfig::default_iterations")]
    #[schemars(range(min = 1, max = 1_000_000))]
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
