//! Setup of the process before a command runs.

use super::{exit_code, output};
use crate::base::{Error, panics};
use std::process::ExitCode;
use std::thread;

/// Stack size of the thread that runs the program, bytes, so that `ulimit -s` does not matter.
const STACK: usize = 8 << 20;

/// Runs a command in its own thread, with a sufficiently large stack.
pub(super) fn start(command: fn() -> ExitCode) -> ExitCode {
    panics::install_hook();
    match thread::Builder::new().name("main".into()).stack_size(STACK).spawn(command) {
        Ok(thread) => thread.join().unwrap_or(ExitCode::from(exit_code::BUG)),
        Err(error) => {
            output::print_error(&Error::no_threads("start a thread", error));
            ExitCode::from(exit_code::STAGE)
        }
    }
}
