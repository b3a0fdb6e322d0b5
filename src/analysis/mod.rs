//! What is computed from features and predictions: kNN, PCA, t-SNE, intervals, confusion, representation health.

pub mod axes;
pub mod config;
pub mod confusion;
mod eigen;
pub mod features;
mod gram;
pub mod health;
pub mod intervals;
pub mod knn;
pub mod pca;
pub mod tsne;

pub use axes::{PrincipalAxes, principal_axes};
pub use config::{EmbedMethod, KnnConfig, PcaConfig, TsneConfig};
pub use confusion::Confusion;
pub use features::Features;
pub use health::{Health, health};
pub use intervals::{mean_interval, wilson_interval};
pub use knn::{KnnPredictions, knn};
pub use pca::{PrincipalComponents, principal_components};
pub use tsne::{tsne, tsne_divergence};
