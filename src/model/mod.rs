//! Networks: ResNet encoders, projection and classification heads, their parameters and their summary.

pub mod config;

mod architecture;
mod block;
mod encoder;
mod head;
mod head_norm;
mod initializer;
mod network;
pub mod oracle;
mod parameters;
mod projection;
mod state;
mod summary;
mod unit;

pub use config::{BatchNorm, EncoderConfig};
pub use network::{BatchStatistics, Network};
pub use projection::{HeadNorm, ProjectionConfig};
pub use summary::{Counts, Summary, SummaryRow, summarize};
