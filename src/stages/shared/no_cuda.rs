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

/// Stands for the GPUs that a process sees; there is none of this type.
pub(super) struct VisibleGpus {
    pub(super) uuids: Vec<String>,
    pub(super) capability: (i32, i32),
}

/// Fails.
pub(super) fn visible() -> Result<VisibleGpus> {
    report(0).map(|_| VisibleGpus { uuids: Vec::new(), capability: (0, 0) })
}

/// Fails.
pub(super) fn nccl_version() -> Result<String> {
    report(0).map(|_| String::new())
}

/// Does nothing: no rank has a GPU.
pub(super) fn use_nccl() {}
