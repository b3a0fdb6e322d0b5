//! Configuration files: valid ones load, and every mistake gives an error at its place and never a panic.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod files;
mod mistakes;
mod mutations;
mod pipelines;
mod reference;
