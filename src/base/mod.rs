//! Foundations that every other module may use: errors, random numbers, digests, files, tables, checked numbers,
//! matrix products.

pub mod error;
pub mod files;
pub mod hash;
pub mod product;
pub mod range;
pub mod rng;
pub mod rows;

pub use error::{Error, ErrorKind, Result};
