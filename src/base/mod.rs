//! Foundations for all other modules: errors, random numbers, digests, files, tables, range-checked numbers,
//! human-readable times and sizes, escaping of untrusted text, matmul, caught panics, the allocator, system
//! information.

pub mod allocator;
pub mod error;
pub mod files;
pub mod hash;
pub mod human;
pub(crate) mod kinds;
pub mod matmul;
pub mod own_output;
pub mod panics;
pub mod range;
pub mod rng;
pub mod rows;
pub mod stamp;
pub mod system;
pub mod text;

pub use error::{Error, ErrorKind, Result};
