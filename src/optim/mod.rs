//! Optimizers and learning-rate schedules.

mod adam;
mod choices;
pub mod clip;
pub mod config;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod lars;
pub mod lbfgs;
mod multi_tensor;
pub mod optimize;
pub mod optimizer;
pub mod schedule;
mod sgd;
mod wolfe;

pub use choices::{DecayedParameters, RateScale};
pub use clip::clip_gradients;
pub use config::{OptimizerConfig, ScheduleConfig};
pub use lbfgs::{Lbfgs, Minimum};
pub use optimize::{Optimize, Update};
pub use optimizer::Optimizer;
pub use schedule::Schedule;
