//! Signals that ask a run to stop: it leaves a checkpoint and ends. Only Ctrl-C, given twice, ends it at once.

use super::{exit_code, output};
use crate::base::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A wait that is not worth a word.
const MOMENT: Duration = Duration::from_secs(1);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Whether Ctrl-C came before.
static BY_KEYBOARD: AtomicBool = AtomicBool::new(false);

/// Whether the user asked to stop.
pub(super) fn flag() -> &'static AtomicBool {
    &INTERRUPTED
}

/// Listens for what asks to stop: SIGINT, SIGTERM, SIGHUP, and what batch systems send before a limit, SIGUSR2 and
/// SIGXCPU. Returns the flag that they set.
///
/// # Errors
/// The system does not let us listen.
pub(super) fn listen() -> Result<&'static AtomicBool> {
    system::listen().map_err(|error| {
        let error = Error::stage(format!("cannot listen for interrupts: {error}"));
        error.help("let this user start more threads (`ulimit -u`) and open more files (`ulimit -n`)")
    })?;
    Ok(&INTERRUPTED)
}

/// To be called again and again while something of another process is waited for: says once what, after a moment, and
/// gives up when the user asks to stop.
pub(super) fn while_waiting(what: &'static str) -> impl FnMut() -> Result<()> {
    let (start, mut is_told) = (Instant::now(), false);
    move || {
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, format!("interrupted while waiting for {what}")));
        }
        if !is_told && start.elapsed() > MOMENT {
            output::message(format!("waiting for {what}"));
            is_told = true;
        }
        Ok(())
    }
}

/// Asks the run to stop, once. Batch systems repeat a signal within milliseconds, which is the same request and must
/// not cost the checkpoint; a person who gives Ctrl-C again does not want to wait for it.
fn request(name: &str, by_keyboard: bool) {
    if by_keyboard && BY_KEYBOARD.swap(true, Ordering::Relaxed) {
        // What is half-written does not count, and the next run removes it.
        std::process::exit(i32::from(exit_code::INTERRUPTED));
    }
    let is_new = !INTERRUPTED.swap(true, Ordering::Relaxed);
    if by_keyboard {
        output::message("interrupted: stopping; Ctrl-C again to stop at once");
    } else if is_new {
        output::message(format!("interrupted by {name}: stopping"));
    }
}

#[cfg(unix)]
mod system {
    use super::request;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXCPU};
    use signal_hook::iterator::Signals;
    use std::io::Result;

    pub(super) fn listen() -> Result<()> {
        let mut signals = vec![SIGINT, SIGTERM, SIGUSR2, SIGXCPU];
        // `nohup` asks that the end of a terminal is no reason to stop.
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        let mut signals = Signals::new(signals)?;
        let listen = move || signals.forever().for_each(|signal| request(name(signal), signal == SIGINT));
        std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
        Ok(())
    }

    fn name(signal: i32) -> &'static str {
        match signal {
            SIGINT => "Ctrl-C",
            SIGTERM => "SIGTERM",
            SIGHUP => "SIGHUP",
            SIGUSR2 => "SIGUSR2",
            _ => "SIGXCPU",
        }
    }

    /// Whether the process was started to ignore a signal; `false` where the system does not tell.
    fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod system {
    use super::request;
    use std::io::{Error, Result};

    pub(super) fn listen() -> Result<()> {
        ctrlc::set_handler(|| request("Ctrl-C", true)).map_err(Error::other)
    }
}
