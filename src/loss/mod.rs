//! Losses on dfdx's tape: NT-Xent and cross-entropy.

pub mod config;

pub use config::{LossConfig, NtXentConfig, Similarity};
