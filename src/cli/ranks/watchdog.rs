//! Ends a rank that waits for another one for too long.

use crate::base::{Error, Result, human};
use crate::cli::{exit_code, output};
use crate::group::Team;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How often the watchdog looks.
const WATCH: Duration = Duration::from_millis(500);

/// Starts a thread that ends the process if a step takes so long that another rank must have died or hangs.
pub(super) fn watch(team: &Arc<Team>, step_timeout: Duration) -> Result<()> {
    let team = team.clone();
    let watch = move || loop {
        thread::sleep(WATCH);
        if let Some((step, elapsed)) = team.heartbeat().overdue(step_timeout) {
            let (rank, node, time) = (team.group().rank(), team.group().node(), human::duration(elapsed));
            output::message(format!(
                "error: step {step} has taken {time} on rank {rank} ({node}): another rank hangs or has died; run again to \
                 resume from the last checkpoint"
            ));
            end_now();
        }
    };
    let started = thread::Builder::new().name("watchdog".to_owned()).spawn(watch);
    started.map(|_| ()).map_err(|error| Error::no_threads("start a thread", error))
}

/// Ends the process without the exit handlers of libraries, which would wait for other ranks.
#[cfg(unix)]
fn end_now() -> ! {
    // SAFETY: `_exit` accepts any status and does not return.
    unsafe { libc::_exit(i32::from(exit_code::HUNG)) }
}

#[cfg(not(unix))]
fn end_now() -> ! {
    std::process::exit(i32::from(exit_code::HUNG))
}
