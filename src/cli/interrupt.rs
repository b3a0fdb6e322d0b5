//! Signals that ask a run to stop: it saves a checkpoint and exits. Only a second Ctrl-C stops it immediately.

use super::{exit_code, output};
use crate::base::{Error, ErrorKind, Result};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Waits shorter than this are not reported.
const QUIET_WAIT: Duration = Duration::from_secs(1);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Whether a batch system asked to stop.
static BY_BATCH_SYSTEM: AtomicBool = AtomicBool::new(false);
/// Whether Ctrl-C has been pressed before.
static CTRL_C: AtomicBool = AtomicBool::new(false);

/// Returns the flag that a stop request sets.
pub(super) fn flag() -> &'static AtomicBool {
    &INTERRUPTED
}

/// Installs handlers for SIGINT, SIGTERM and SIGHUP, and for SIGUSR2 and SIGXCPU, which batch systems send shortly
/// before a time limit. Returns the flag that they set.
///
/// # Errors
/// The system refuses the handlers or their thread.
pub(super) fn listen() -> Result<&'static AtomicBool> {
    system::listen().map_err(|error| {
        let error = Error::stage(format!("cannot install signal handlers: {error}"));
        error.help("raise this user's limits on threads (`ulimit -u`) and open files (`ulimit -n`)")
    })?;
    Ok(&INTERRUPTED)
}

/// Whether a batch system asked to stop, and the user did not.
pub(super) fn is_by_batch_system() -> bool {
    BY_BATCH_SYSTEM.load(Ordering::Relaxed) && !CTRL_C.load(Ordering::Relaxed)
}

/// Who sends a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// Ctrl-C.
    User,
    /// SIGTERM, SIGUSR2, SIGXCPU.
    BatchSystem,
    /// SIGHUP.
    Terminal,
}

/// Returns a callback for loops that wait for another process: it reports once, after [`QUIET_WAIT`], what is being
/// waited for, and returns an error when the user asks to stop.
pub(super) fn while_waiting(what: &'static str) -> impl FnMut() -> Result<()> {
    let (start, mut is_reported) = (Instant::now(), false);
    move || {
        if INTERRUPTED.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Interrupted, format!("interrupted while waiting for {what}")));
        }
        if !is_reported && start.elapsed() > QUIET_WAIT {
            output::message(format!("waiting for {what}"));
            is_reported = true;
        }
        Ok(())
    }
}

/// Asks the run to stop. Batch systems may repeat a signal within milliseconds: that is the same request and must not
/// cost the checkpoint. A user who presses Ctrl-C again does not want to wait for it.
fn request(name: &str, sender: Sender) {
    let is_ctrl_c = sender == Sender::User;
    // Before the flag, after which the run may end.
    BY_BATCH_SYSTEM.fetch_or(sender == Sender::BatchSystem, Ordering::Relaxed);
    if is_ctrl_c && CTRL_C.swap(true, Ordering::Relaxed) {
        // Partially written files are ignored and removed by the next run.
        std::process::exit(i32::from(exit_code::INTERRUPTED));
    }
    let is_new = !INTERRUPTED.swap(true, Ordering::Relaxed);
    if is_ctrl_c {
        output::message("interrupted: stopping; press Ctrl-C again to stop immediately");
    } else if is_new {
        output::message(format!("interrupted by {name}: stopping"));
    }
}

#[cfg(unix)]
mod system {
    use super::{Sender, request};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2, SIGXCPU};
    use signal_hook::iterator::Signals;
    use std::io::Result;

    pub(super) fn listen() -> Result<()> {
        let mut signals = vec![SIGINT, SIGTERM, SIGUSR2, SIGXCPU];
        // `nohup` ignores SIGHUP, so that closing the terminal does not stop the process.
        if !is_ignored(SIGHUP) {
            signals.push(SIGHUP);
        }
        let mut signals = Signals::new(signals)?;
        let listen = move || signals.forever().for_each(|signal| request(name(signal), sender(signal)));
        std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
        Ok(())
    }

    fn sender(signal: i32) -> Sender {
        match signal {
            SIGINT => Sender::User,
            SIGHUP => Sender::Terminal,
            _ => Sender::BatchSystem,
        }
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

    /// Returns whether the process inherited an ignored signal; `false` where the system does not report it.
    fn is_ignored(signal: i32) -> bool {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Sender, request};
    use std::io::{Error, Result};

    pub(super) fn listen() -> Result<()> {
        ctrlc::set_handler(|| request("Ctrl-C", Sender::User)).map_err(Error::other)
    }
}
