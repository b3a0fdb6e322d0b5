//! Finished studies that are damaged: by single bits that turn over, and by files that are whole and wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod finished;
mod flips;
mod hostile;
mod starved;
