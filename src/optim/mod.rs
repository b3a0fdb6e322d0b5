//! Optimisers and learning-rate schedules.

mod adam;
pub mod clip;
pub mod config;
mod lars;
pub mod optimizer;
pub mod schedule;
mod sgd;
mod sweep;

pub use clip::{clip_gradients, gradient_norm};
pub use config::{OptimizerConfig, ScheduleConfig};
pub use optimizer::Optimizer;
pub use schedule::Schedule;
