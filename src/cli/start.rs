//! What holds for every command before it begins.

use super::{exit_code, output};
use crate::base::{Error, panics};
use std::process::ExitCode;
use std::thread;

/// Stack of the thread that the program runs in: enough whatever `ulimit -s` gives to the first one.
const STACK: usize = 8 << 20;

/// Runs a command in a thread of its own, with a stack that is large enough.
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
