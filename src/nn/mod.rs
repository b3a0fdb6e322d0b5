//! nn

pub mod parameter;

pub use parameter::{Role, Trainable};
