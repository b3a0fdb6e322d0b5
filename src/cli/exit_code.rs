//! Exit codes; 0 means that all went well.

use crate::base::ErrorKind;

/// A bug of this program.
pub const BUG: u8 = 1;
/// The command line or the pipeline file is wrong; nothing was computed.
pub const USAGE: u8 = 2;
/// A stage failed: data, disk, device, diverged training. Finished stages are kept.
pub const STAGE: u8 = 3;
/// `run --keep-going`: some stages failed, the others are done.
pub const PARTIAL: u8 = 5;
/// `plan --exit-code`: there is something to compute.
pub const STALE: u8 = 10;
/// Stopped by a signal. Finished stages are kept, and checkpoints of the others.
pub const INTERRUPTED: u8 = 130;

/// The exit code that an error means.
pub fn of(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => USAGE,
        ErrorKind::Stage => STAGE,
        ErrorKind::Interrupted => INTERRUPTED,
        ErrorKind::Bug => BUG,
    }
}
