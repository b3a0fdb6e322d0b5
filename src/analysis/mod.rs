//! Analysis of features and predictions: kNN, PCA, t-SNE, confidence intervals and comparisons, confusion matrices,
//! diagnostics of representation collapse.
//!
//! ```
//! use simclr::analysis::{Confusion, FeatureMatrix, KnnConfig, knn, wilson_interval};
//!
//! let train = FeatureMatrix::new(4, 2, &[1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.9]);
//! let test = FeatureMatrix::new(3, 2, &[0.8, 0.2, 0.2, 0.8, 0.3, 0.7]);
//! let config = KnnConfig { k: 2, ..KnnConfig::default() };
//! let found = knn(&config, train, &[0, 0, 1, 1], test, 2);
//! assert_eq!(found.predictions, [0, 1, 1]);
//!
//! let confusion = Confusion::from_predictions(&[0, 1, 0], &found.predictions, 2);
//! assert_eq!((confusion.correct(), confusion.total()), (2, 3));
//! let (low, high) = wilson_interval(confusion.correct(), confusion.total());
//! assert!(low < confusion.accuracy() && confusion.accuracy() < high);
//! ```

pub(crate) mod axes;
pub(crate) mod comparison;
pub(crate) mod config;
pub(crate) mod confusion;
mod eigen;
pub(crate) mod features;
mod gram;
pub(crate) mod health;
pub(crate) mod intervals;
pub(crate) mod knn;
pub(crate) mod pca;
pub(crate) mod similarity;
pub(crate) mod student;
pub(crate) mod tsne;

pub(crate) use axes::PrincipalAxes;
pub(crate) use axes::principal_axes;
pub use comparison::{Difference, Outcomes, Pairing, difference, holm, mean_difference};
pub use config::{EmbedMethod, KnnConfig, PcaConfig, TsneConfig};
pub use confusion::Confusion;
pub use features::FeatureMatrix;
pub use health::{Health, health};
pub use intervals::{mean_interval, wilson_interval};
pub use knn::{KnnPredictions, knn};
pub use pca::{PrincipalComponents, principal_components};
pub use tsne::{tsne, tsne_divergence};
