//! Losses on dfdx's tape: contrastive losses and cross-entropy.

use crate::base::kinds::declare_modules;

/// Every contrastive loss, one per line: its file, which is also its key in a pipeline file, its variant of
/// [`LossConfig`] and its configuration, which implements [`ContrastiveLoss`].
macro_rules! losses {
    ($then:ident $($arguments:tt)*) => {
        $then! {
            [
                nt_xent: NtXent(NtXentConfig),
                nt_logistic: NtLogistic(NtLogisticConfig),
            ]
            $($arguments)*
        }
    };
}

losses!(declare_modules);

mod contrastive;
mod cross_entropy;
mod tape;

pub use contrastive::{Chance, ContrastiveLoss, ContrastiveOutput, LossConfig, LossKernels, chance_accuracy};
pub use cross_entropy::cross_entropy;
pub use nt_xent::{NtXentKernel, nt_xent, nt_xent_chance};
pub use tape::Similarity;
