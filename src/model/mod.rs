//! Networks: ResNet encoders, projection and classification heads, their parameters and their summary.

pub mod config;

mod architecture;
mod block;
mod encoder;
mod head;
mod initial;
mod network;
pub mod oracle;
mod parameters;
mod state;
mod summary;
mod unit;

pub use config::{EncoderConfig, ProjectionConfig};
pub use network::{BatchStatistics, Network};
pub use summary::{Summary, SummaryRow, summarize};
