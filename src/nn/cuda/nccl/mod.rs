//! Sums of gradients over ranks on several GPUs, by NCCL, which is opened at run time.
//!
//! NCCL carries the bytes and adds nothing: the order of its all-reduce depends on ranks, machines and version. Each rank
//! receives its piece of every rank's gradients, adds them along the tree of `group::TreeSum`, and all gather the sums. So
//! the result has the bytes of one rank, and of an exchange through the memory of the host. Everything else that ranks
//! exchange is small, and goes through their [`Group`](crate::group::Group).

mod communicator;
mod library;
mod status;
mod sum;

use crate::base::{Error, Result};
use crate::group::ShardedBatch;
use crate::nn::cuda::buffer::Buffer;
use crate::nn::cuda::gpu::Gpu;
use communicator::Communicator;
use library::Functions;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How this process exchanges gradients with other ranks.
enum Exchange {
    /// Through the memory of the host.
    Host,
    /// By NCCL, once a sum is needed.
    Agreed,
    /// By NCCL. Whether something was queued since [`begin`].
    Connected(Communicator, bool),
}

static EXCHANGE: Mutex<Exchange> = Mutex::new(Exchange::Host);

/// Returns the version of NCCL: `2.27.3`.
///
/// # Errors
/// It cannot be opened.
pub fn nccl_version() -> Result<String> {
    let help = "`pip install nvidia-nccl-cu13` for `python3`, or name the library in SIMCLR_NCCL=/path/libnccl.so.2";
    let functions = Functions::get().map_err(|reason| Error::stage(reason).help(help))?;
    let mut version = 0;
    // SAFETY: writes one int.
    functions.checked(unsafe { (functions.get_version)(&raw mut version) }, "ncclGetVersion")?;
    Ok(format!("{}.{}.{}", version / 10_000, version / 100 % 100, version % 100))
}

/// Makes this process exchange gradients by NCCL, which all ranks can and do. They are processes, each with a device of its
/// own.
pub fn use_nccl() {
    *exchange() = Exchange::Agreed;
}

/// Replaces buffers by their sums over all ranks, if that is done by NCCL; returns whether it is.
///
/// # Errors
/// NCCL or another rank fails, or the device is out of memory.
pub(super) fn sum(gpu: &Arc<Gpu>, batch: &ShardedBatch, buffers: &mut [Buffer]) -> Result<bool> {
    let mut exchange = exchange();
    if let Exchange::Agreed = *exchange {
        *exchange = Exchange::Connected(Communicator::connect(gpu, batch.sharding().group())?, false);
    }
    match &mut *exchange {
        Exchange::Connected(communicator, is_used) => {
            *is_used = true;
            sum::sum(gpu, communicator, &batch.present(), buffers)?;
            Ok(true)
        }
        Exchange::Host | Exchange::Agreed => Ok(false),
    }
}

/// Begins work that may exchange gradients.
pub(super) fn begin() {
    if let Exchange::Connected(_, is_used) = &mut *exchange() {
        *is_used = false;
    }
}

/// Ends the exchanges of work that has failed: the device may wait for another rank, which may never come. An error that
/// all ranks have leaves them without connections, and the next sum connects them again.
pub(super) fn give_up() {
    let mut exchange = exchange();
    if let Exchange::Connected(_, true) = *exchange
        && let Exchange::Connected(communicator, _) = std::mem::replace(&mut *exchange, Exchange::Agreed)
    {
        communicator.abort();
    }
}

fn exchange() -> MutexGuard<'static, Exchange> {
    EXCHANGE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Needs NCCL, but not a device.
    #[test]
    fn the_library_has_every_function() {
        let functions = match Functions::get() {
            Ok(functions) => functions,
            Err(reason) => return eprintln!("skipped: {reason}"),
        };
        let version = nccl_version().unwrap();
        assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{version}");
        let error = functions.checked(6, "ncclSend").unwrap_err();
        assert!(error.what().starts_with("ncclSend failed: remote process exited"), "{error}");
        assert!(error.next_step().is_some_and(|help| help.contains("run again")), "{error}");
    }
}
