//! Optimizers and learning-rate schedules.

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
pub mod lbfgs;
mod multi_tensor;
mod optimize;
mod optimizer;
mod options;
pub mod schedule;
mod update_rule;
mod wolfe;

pub use clip::clip_gradients;
pub use config::OptimizerConfig;
pub use lbfgs::{Lbfgs, Minimum};
pub use optimize::{Optimize, Update};
pub use optimizer::Optimizer;
pub use options::{DecayedParameters, Options, RateScale};
pub use schedule::{Schedule, ScheduleConfig};
pub use update_rule::{ReferenceParameter, SettingProblem, Step, UpdateRule};
