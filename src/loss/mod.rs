//! Losses on dfdx's tape: contrastive losses and cross-entropy.
//!
//! ```
//! use dfdx::prelude::*;
//! use simclr::loss::{NtXentConfig, Similarity, nt_xent, nt_xent_chance};
//!
//! // All first views, then all second views: both views of each of two images have the same direction.
//! let z = Cpu::default().tensor_from_vec(vec![1.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 2.0], (4, 2));
//! let config = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };
//! let output = nt_xent(z.leaky_trace(), &config)?;
//! assert_eq!(output.accuracy, 1.0);
//! assert!(f64::from(output.loss.array()) < nt_xent_chance(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod sharded;
mod sharded_cross_entropy;
mod tape;

pub(crate) use contrastive::chance_accuracy;
pub use contrastive::{Chance, ContrastiveLoss, ContrastiveOutput, LossConfig, LossKernels};
pub use cross_entropy::cross_entropy;
pub use nt_xent::{NtXentKernel, nt_xent, nt_xent_chance};
pub use sharded::{RowGradient, RowLoss, ShardedLoss, sharded_loss};
pub use sharded_cross_entropy::sharded_cross_entropy;
pub use tape::Similarity;
