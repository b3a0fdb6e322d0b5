//! Analysis of features and predictions: kNN, PCA, t-SNE, confidence intervals and comparisons, confusion matrices,
//! diagnostics of representation collapse.

pub mod axes;
pub mod comparison;
pub mod config;
pub mod confusion;
mod eigen;
pub mod features;
mod gram;
pub mod health;
pub mod intervals;
pub mod knn;
pub mod pca;
pub mod student;
pub mod tsne;

pub use axes::{PrincipalAxes, principal_axes};
pub use comparison::{Difference, Outcomes, Pairing, difference, holm, mean_difference};
pub use config::{EmbedMethod, KnnConfig, PcaConfig, TsneConfig};
pub use confusion::Confusion;
pub use features::FeatureMatrix;
pub use health::{Health, health};
pub use intervals::{mean_interval, wilson_interval};
pub use knn::{KnnPredictions, knn};
pub use pca::{PrincipalComponents, principal_components};
pub use tsne::{tsne, tsne_divergence};
