//! Foundations that every other module may use: errors, random numbers, digests, files, tables, checked numbers, times
//! and sizes for people, text from outside, matrix products, caught panics, memory, what the machine is.

pub mod allocator;
pub mod error;
pub mod files;
pub mod hash;
pub mod human;
pub mod matmul;
pub mod panics;
pub mod range;
pub mod rng;
pub mod rows;
pub mod stamp;
pub mod system;
pub mod text;

pub use error::{Error, ErrorKind, Result};
