//! Optimisers and learning-rate schedules.

pub mod config;

pub use config::{OptimizerConfig, ScheduleConfig};
