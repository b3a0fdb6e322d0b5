//! Optimizers and learning-rate schedules.
//!
//! ```
//! use dfdx::prelude::Cpu;
//! use simclr::nn::{Role, Trainable};
//! use simclr::optim::{Optimizer, OptimizerConfig, Schedule, ScheduleConfig};
//!
//! let config: OptimizerConfig = toml::from_str("sgd = { learning_rate = 0.1 }")?;
//! let schedule: ScheduleConfig = toml::from_str("cosine = { warmup_epochs = 1 }")?;
//! let mut optimizer = Optimizer::new(&config);
//! let schedule = Schedule::new(&schedule, optimizer.peak_learning_rate(), 10, 20);
//! let (mut x, mut gradient) = (vec![1.0], vec![0.0]); // minimizes x^2
//! for step in 0..200 {
//!     gradient[0] = 2.0 * x[0];
//!     let parameter = Trainable { values: &mut x, gradient: &mut gradient, role: Role::Weight };
//!     optimizer.step(&Cpu::default(), &mut [parameter], schedule.learning_rate(step))?;
//! }
//! assert!(x[0].abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::base::kinds::declare_modules;

/// Every optimizer, one per line: its file, which is also its key in a pipeline file, its variant of
/// [`OptimizerConfig`] and its configuration, which implements [`UpdateRule`].
macro_rules! optimizers {
    ($then:ident $($arguments:tt)*) => {
        $then! {
            [
                sgd: Sgd(SgdConfig),
                adam: Adam(AdamConfig),
                adamw: Adamw(AdamwConfig),
                lars: Lars(LarsConfig),
                lion: Lion(LionConfig),
            ]
            $($arguments)*
        }
    };
}
pub(crate) use optimizers;

optimizers!(declare_modules);

mod clip;
mod config;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
pub(crate) mod lbfgs;
mod multi_tensor;
mod optimize;
mod optimizer;
mod options;
pub mod schedule;
mod update_rule;
mod wolfe;

pub use clip::clip_gradients;
pub use config::OptimizerConfig;
pub(crate) use lbfgs::Lbfgs;
pub(crate) use lbfgs::Minimum;
pub use optimize::{Optimize, Update};
pub use optimizer::Optimizer;
pub use options::{DecayedParameters, Options, RateScale};
pub use schedule::{Schedule, ScheduleConfig};
pub use update_rule::{ReferenceParameter, SettingProblem, Step, UpdateRule};
