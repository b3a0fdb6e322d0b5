//! Configuration files: valid ones load, and every mistake is an error with a location, never a panic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

mod damaged;
mod directory;
mod extends;
mod files;
mod mistakes;
mod mutations;
mod pipelines;
mod reference;
mod resolved;
mod sweeps;
