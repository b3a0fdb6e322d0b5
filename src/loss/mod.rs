//! Losses on dfdx's tape: NT-Xent and cross-entropy.

pub mod config;
mod cpu;
pub mod cross_entropy;
#[cfg(feature = "cuda")]
mod cuda;
pub mod kernel;
pub mod nt_xent;
mod tape;

pub use config::{LossConfig, NtXentConfig, Similarity};
pub use cross_entropy::cross_entropy;
pub use kernel::NtXentKernel;
pub use nt_xent::{NtXentOutput, nt_xent, nt_xent_chance, nt_xent_plain};
