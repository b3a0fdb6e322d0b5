//! The failure of the device that users read, instead of what follows from it.
//!
//! dfdx panics where it cannot return an error, also while memory is freed, where a second panic ends the process. So
//! its failed calls are recorded ([`shims`](super::shims)), those that free something never fail for it, and
//! [`reporting`] returns the recorded failure in place of the panic.

use super::gpu::Gpu;
use super::nccl;
use crate::base::{Error, ErrorKind, Result, panics};
use cudarc::driver::sys::CUresult;
use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::OnceLock;

/// The first error that ended the context: from then on every call of this process fails.
static FATAL: OnceLock<Error> = OnceLock::new();

thread_local! {
    /// The last failed call of dfdx in this thread.
    static LAST: RefCell<Option<Error>> = const { RefCell::new(None) };
}

/// Calls that free or leave something. dfdx panics if they fail, but the memory is lost anyway.
const FREEING: [&str; 7] = [
    "cuCtxSetCurrent",
    "cuDevicePrimaryCtxRelease",
    "cuEventDestroy",
    "cuMemFreeAsync",
    "cuModuleUnload",
    "cuStreamDestroy",
    "cublasDestroy",
];

/// Calls that dfdx also makes, and expects to succeed, while it drops a stream.
const WAITING: [&str; 2] = ["cuEventRecord", "cuStreamWaitEvent"];

/// Keeps an error if its status ends the context.
pub(super) fn keep_fatal(status: CUresult, error: &Error) {
    let ends_context = matches!(
        status,
        CUresult::CUDA_ERROR_ASSERT
            | CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
            | CUresult::CUDA_ERROR_EXTERNAL_DEVICE
            | CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR
            | CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
            | CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION
            | CUresult::CUDA_ERROR_INVALID_ADDRESS_SPACE
            | CUresult::CUDA_ERROR_INVALID_PC
            | CUresult::CUDA_ERROR_LAUNCH_FAILED
            | CUresult::CUDA_ERROR_LAUNCH_TIMEOUT
            | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS
            | CUresult::CUDA_ERROR_NVLINK_UNCORRECTABLE
    );
    if ends_context {
        FATAL.get_or_init(|| error.clone());
    }
}

/// Returns the error that ended the context, if any.
pub(super) fn fatal() -> Option<Error> {
    FATAL.get().cloned()
}

/// Records a failed call of dfdx; returns whether dfdx must not see the failure.
pub(super) fn record(call: &str, error: &Error) -> bool {
    let hidden = FREEING.contains(&call) || (WAITING.contains(&call) && FATAL.get().is_some());
    if !hidden {
        LAST.replace(Some(error.clone()));
    }
    hidden
}

/// Returns the last failed call of dfdx in this thread and forgets it.
pub(super) fn last() -> Option<Error> {
    LAST.take()
}

/// Does work on devices. If the device or dfdx fails, returns the failure that started it, also after a panic of dfdx.
///
/// # Errors
/// Whatever stops the work.
pub fn reporting<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    if let Some(error) = fatal() {
        return Err(error);
    }
    last();
    nccl::begin();
    let outcome = panics::catch_payload(work);
    if let Ok(Ok(result)) = outcome {
        return Ok(result);
    }
    if let Ok(Err(error)) = &outcome
        && error.kind() == ErrorKind::Interrupted
    {
        return outcome.unwrap_or_else(|panic| resume_unwind(panic));
    }
    nccl::give_up();
    // A library may have been the first to notice that the context has ended, with a status of its own.
    Gpu::synchronize_all();
    match outcome {
        Ok(result) => result.map_err(|error| fatal().unwrap_or(error)),
        Err(panic) => match fatal().or_else(last) {
            Some(error) => Err(error),
            None => resume_unwind(panic),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_failure_replaces_the_panic_that_it_causes() {
        let failed = || Error::stage("cuMemAllocAsync failed");
        let error = reporting(|| -> Result<()> {
            assert!(!record("cuMemAllocAsync", &failed()));
            panic!("called `Result::unwrap()`")
        });
        assert_eq!(error.unwrap_err().what(), failed().what());
        // Not one of an earlier stage.
        record("cuMemAllocAsync", &failed());
        assert_eq!(reporting(|| Ok(7)).unwrap(), 7);
        let other = panics::catch(|| reporting(|| -> Result<()> { panic!("a bug") }));
        assert_eq!(other.unwrap_err(), "a bug");
    }

    #[test]
    fn freeing_never_fails_for_dfdx() {
        assert!(record("cuMemFreeAsync", &Error::stage("")) && !record("cuMemAllocAsync", &Error::stage("")));
    }
}
