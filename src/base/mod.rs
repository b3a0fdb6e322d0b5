//! Foundations that every other module may use: errors, random numbers, digests, files, tables, checked numbers, times
//! and sizes for people, text from outside, matrix products, what the machine is.

pub mod error;
pub mod files;
pub mod hash;
pub mod human;
pub mod product;
pub mod range;
pub mod rng;
pub mod rows;
pub mod system;
pub mod text;

pub use error::{Error, ErrorKind, Result};
