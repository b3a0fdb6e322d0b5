//! Foundations for all other modules: errors, random numbers, digests, files, tables, JSON, human-readable times and
//! sizes, escaping of untrusted text, matmul, caught panics, the allocator, system information.
//!
//! ```
//! use serde_json::json;
//! use simclr::base::{hash, rng};
//!
//! // A random stream is named by seed, purpose and indices, here an epoch.
//! let order = |epoch| rng::permutation(20, &mut rng::stream(1, "order", &[epoch]));
//! assert_eq!(order(0), order(0));
//! assert_ne!(order(0), order(1));
//!
//! // Digests are of canonical JSON, in which the order of keys does not count.
//! let digest = hash::digest_json(&json!({ "epochs": 5, "seed": 1 }))?;
//! assert_eq!(digest, hash::digest_json(&json!({ "seed": 1, "epochs": 5 }))?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod allocator;
pub(crate) mod command;
pub(crate) mod error;
pub(crate) mod files;
pub mod hash;
pub(crate) mod human;
pub(crate) mod json;
pub(crate) mod kinds;
pub(crate) mod matmul;
pub(crate) mod nearest;
pub(crate) mod own_output;
pub mod panics;
pub mod rng;
pub mod rows;
pub(crate) mod stamp;
pub mod system;
pub mod text;

pub use error::{Error, ErrorKind, Result};
