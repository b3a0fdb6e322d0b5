//! Ctrl-C: the first asks the run to stop, the second stops it.

use super::{exit_code, output};
use crate::base::{Error, Result};
use std::sync::atomic::{AtomicBool, Ordering};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the user asked to stop.
pub(super) fn flag() -> &'static AtomicBool {
    &INTERRUPTED
}

/// Listens for SIGINT, SIGTERM and SIGHUP. Returns the flag that they set.
///
/// # Errors
/// The system does not let us listen.
pub(super) fn listen() -> Result<&'static AtomicBool> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            // What is half-written does not count, and the next run removes it.
            std::process::exit(i32::from(exit_code::INTERRUPTED));
        }
        output::message("interrupted: stopping; again to stop at once");
    })
    .map_err(|error| Error::stage(format!("cannot listen for interrupts: {error}")))?;
    Ok(&INTERRUPTED)
}
