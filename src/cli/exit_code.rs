//! Exit codes; 0 means success.

use crate::base::ErrorKind;

/// A bug in this program.
pub(crate) const BUG: u8 = 1;
/// The command line or the pipeline file is invalid; nothing was computed.
pub(crate) const USAGE: u8 = 2;
/// A stage failed because of data, disk, device or diverged training. Finished stages are kept.
pub(crate) const STAGE: u8 = 3;
/// `run --keep-going` and `collect`: some stages failed, the others finished.
pub(crate) const PARTIAL: u8 = 5;
/// `plan --exit-code`: some stages would run. `collect`: some are still in the queue.
pub(crate) const STALE: u8 = 10;
/// Another process has taken over a stage on a shared store, since this one did not renew its lease.
pub(crate) const SUPERSEDED: u8 = 75;
/// `work`: stopped after a checkpoint, and the queue will start it again.
pub(crate) const AGAIN: u8 = crate::executor::AGAIN;
/// A rank of a run waited in vain for another; checkpoints are kept.
pub(crate) const HUNG: u8 = 75;
/// Stopped by a signal. Finished stages are kept, and so are the checkpoints of unfinished ones.
pub(crate) const INTERRUPTED: u8 = 130;

/// Returns the exit code for a kind of error.
pub(crate) fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => USAGE,
        ErrorKind::Stage => STAGE,
        ErrorKind::Superseded => SUPERSEDED,
        ErrorKind::Interrupted => INTERRUPTED,
        ErrorKind::Bug => BUG,
    }
}
