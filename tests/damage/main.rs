//! Damage to finished studies: flipped bits, wrong content with valid digests, and too little memory.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod finished;
mod flips;
mod hostile;
mod starved;
