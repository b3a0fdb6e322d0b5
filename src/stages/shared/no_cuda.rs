//! Replacement for `nn::cuda` in a binary without CUDA: no device is available.

use crate::base::{Error, Result};
use crate::nn::{DeviceReport, INFERENCE_ROWS};
use dfdx::prelude::Cpu;

/// Fails.
pub(super) fn report(number: usize) -> Result<DeviceReport> {
    Err(Error::stage(format!("device cuda:{number} is not available: this binary was built without CUDA")).help(
        "build with `cargo build --release --features cuda` (docs/cuda.md), or set `device = \"auto\"`, or run with \
         `--device cpu`",
    ))
}

/// Does the work.
pub(super) fn reporting<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    work()
}

/// Returns nothing.
pub(super) fn take_note() -> Option<String> {
    None
}

/// Fails.
pub(super) fn open(number: usize) -> Result<Cpu> {
    report(number).map(|_| Cpu::default())
}

/// Returns the batch of the CPU.
pub(super) fn inference_rows(_side: usize) -> usize {
    INFERENCE_ROWS
}
