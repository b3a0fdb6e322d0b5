//! Networks: encoders, projection and classification heads, their parameters and their summary.
//!
//! A kind of encoder is a file with its options and its list of layers ([`config`] has the list of kinds); a kind of
//! layer is a file in `layers`. Layers register their parameters and their rows of the summary when they are created.

pub mod config;

mod form;
mod head;
mod initializer;
mod layers;
mod network;
pub mod oracle;
mod parameters;
mod registry;
mod resnet;
mod summary;
mod tiny;

pub use config::{BatchNorm, EncoderConfig};
pub use head::{HeadNorm, ProjectionConfig};
pub use network::{BatchStatistics, Network};
pub use summary::{Counts, Summary, SummaryRow, summarize};
