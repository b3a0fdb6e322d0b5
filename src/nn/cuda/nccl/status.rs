//! Statuses of NCCL as the crate's errors.

use super::library::{Functions, Status};
use crate::base::{Error, Result};

/// `ncclUnhandledCudaError`, `ncclSystemError`, `ncclInvalidUsage` and `ncclRemoteError`.
const CUDA_ERROR: Status = 1;
const SYSTEM_ERROR: Status = 2;
const INVALID_USAGE: Status = 5;
const REMOTE_ERROR: Status = 6;

impl Functions {
    /// Returns an error unless a call succeeded; `call` is the function's name in NVIDIA's documentation.
    pub(super) fn checked(&self, status: Status, call: &str) -> Result<()> {
        if status == 0 {
            return Ok(());
        }
        let what = format!("{call} failed: {} ({status})", self.describe(status));
        Err(Error::stage(what).help(help(status)))
    }
}

fn help(status: Status) -> &'static str {
    match status {
        CUDA_ERROR => {
            "check driver and devices with `simclr doctor` on that node; SIMCLR_NCCL=off exchanges gradients through the \
             memory of the host instead"
        }
        SYSTEM_ERROR => {
            "run with NCCL_DEBUG=WARN for the reason: often too little /dev/shm (`--shm-size` of a container) or the wrong \
             network interface (NCCL_SOCKET_IFNAME); SIMCLR_NCCL=off exchanges gradients through the memory of the host"
        }
        INVALID_USAGE => {
            "run with NCCL_DEBUG=WARN for the reason: often two ranks on one GPU, or other versions of NCCL; \
             SIMCLR_NCCL=off exchanges gradients through the memory of the host"
        }
        REMOTE_ERROR => "another rank or the network has failed: run again to resume from the last checkpoint",
        _ => {
            "run with NCCL_DEBUG=WARN for the reason; SIMCLR_NCCL=off exchanges gradients through the memory of the host"
        }
    }
}
