//! Networks: ResNet encoders, projection and classification heads, their parameters and their summary.

pub mod config;

pub use config::{EncoderConfig, ProjectionConfig};
