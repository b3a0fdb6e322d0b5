//! Augmentation: a policy is a list of operators applied in the order written, each with its own probability, drawn
//! per picture and view.

pub mod config;

pub use config::{OperatorConfig, PolicyConfig};
