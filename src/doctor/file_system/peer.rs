//! Checks between two machines: one holds a lock and answers, the other looks for both.

use super::{OtherLock, StoreCheck, Verdict, meeting_place, remove, server_time, try_lock};
use crate::base::{Error, Result, files, human};
use crate::engine::store::{Disk, RealDisk, SharedSettings, Sharing};
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// Lock that the first machine holds; its content is the name of that machine.
const HELD: &str = "held";
/// Prefix of the question of the second machine, a file.
const QUESTION: &str = "question-";
/// Prefix of the answer.
const ANSWER: &str = "answer-";
/// Interval between looks.
const POLL: Duration = Duration::from_millis(20);
/// Maximum age of the file of the first machine, which touches it every second.
const MAX_AGE: Duration = Duration::from_secs(10);
/// Interval between touches.
const TOUCH: Duration = Duration::from_secs(1);
/// Maximum time to wait for an answer.
const MAX_WAIT: Duration = Duration::from_secs(90);

/// Holds a lock and answers questions of other machines until the time is over or `is_stopped`.
///
/// # Errors
/// The directory cannot be written.
pub(crate) fn hold(store: &Path, host: &str, time: Duration, is_stopped: &dyn Fn() -> bool) -> Result<()> {
    let directory = meeting_place(store);
    files::create_directory(&directory)?;
    let held = directory.join(HELD);
    let failed = |error: io::Error| Error::io("write", &held, &error);
    // Where locks are not supported, the other machine finds out by itself.
    let _lock = loop {
        match RealDisk.try_lock(&held, Sharing::Exclusive) {
            Ok(None) if !is_stopped() => std::thread::sleep(POLL),
            lock => break lock,
        }
    };
    RealDisk.write(&held, host.as_bytes()).map_err(failed)?;
    let (start, mut touched) = (Instant::now(), Instant::now());
    while start.elapsed() < time && !is_stopped() {
        if touched.elapsed() >= TOUCH {
            RealDisk.touch(&held).map_err(failed)?;
            touched = Instant::now();
        }
        answer(&directory, host).map_err(failed)?;
        std::thread::sleep(POLL);
    }
    files::remove_all(&directory).map_err(failed)
}

/// Answers the questions of other machines.
fn answer(directory: &Path, host: &str) -> io::Result<()> {
    for path in files::entries(directory)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(token) = name.strip_prefix(QUESTION) {
            remove(&path)?;
            let answer = directory.join(format!("{ANSWER}{token}"));
            RealDisk.write(&answer, host.as_bytes())?;
            RealDisk.touch(&answer)?;
        }
    }
    Ok(())
}

/// Checks locks and visibility against a machine that holds a lock now.
pub(super) fn checks(store: &Path, scratch: &Path, settings: Option<&SharedSettings>) -> Vec<StoreCheck> {
    let directory = meeting_place(store);
    let Some(host) = peer(&directory, scratch) else {
        let how = "run `simclr doctor --store DIR --hold 60` on another machine meanwhile".to_owned();
        return vec![StoreCheck { check: "second machine", verdict: Verdict::NotChecked, found: how }];
    };
    vec![
        StoreCheck::new("locks of another machine", locks(&directory, &host)),
        StoreCheck::new("visibility", visibility(&directory, scratch, &host, settings)),
    ]
}

/// Returns the name of the machine that holds the lock now.
fn peer(directory: &Path, scratch: &Path) -> Option<String> {
    let held = directory.join(HELD);
    let age = server_time(scratch).ok()?.duration_since(RealDisk.modified(&held).ok()?).unwrap_or_default();
    fs::read_to_string(&held).ok().filter(|host| age < MAX_AGE && !host.is_empty())
}

fn locks(directory: &Path, host: &str) -> io::Result<(Verdict, String)> {
    Ok(match try_lock(&directory.join(HELD)) {
        Ok(OtherLock::Held) => (Verdict::Ok, format!("a lock of {host} locks out this machine")),
        Ok(OtherLock::Locked) => (Verdict::NeedsLeases, format!("a lock of {host} does not lock out this machine")),
        Err(error) => (Verdict::NeedsLeases, format!("not supported ({})", error.what())),
    })
}

/// Asks the other machine to create a file whose name this one has looked up before, and waits until it is visible.
fn visibility(
    directory: &Path,
    scratch: &Path,
    host: &str,
    settings: Option<&SharedSettings>,
) -> io::Result<(Verdict, String)> {
    let token = scratch.file_name().unwrap_or_default().to_string_lossy();
    let [question, answer] = [QUESTION, ANSWER].map(|prefix| directory.join(format!("{prefix}{token}")));
    let start = Instant::now();
    let is_visible = || fs::symlink_metadata(&answer).is_ok();
    // From now on a network file system may remember that the name does not exist.
    let _ = is_visible();
    RealDisk.write(&question, b"")?;
    while !is_visible() {
        if start.elapsed() > MAX_WAIT {
            remove(&question)?;
            let waited = human::seconds(MAX_WAIT.as_secs_f64());
            return Ok((Verdict::Broken, format!("no answer of {host} was visible within {waited}")));
        }
        std::thread::sleep(POLL);
    }
    let seen = server_time(scratch)?;
    let delay = seen.duration_since(RealDisk.modified(&answer)?).unwrap_or_default().as_secs_f64();
    remove(&answer)?;
    let latency = settings.cloned().unwrap_or_default().latency_seconds;
    let found = format!("a file of {host} was visible after {delay:.1} s");
    Ok(match delay <= latency {
        true => (Verdict::Ok, found),
        false => (Verdict::NeedsLeases, format!("{found}: set `latency_seconds` in shared.json to more than that")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn two_machines_meet_and_leave_nothing() {
        let (directory, stop) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
        let (store, scratch) = (directory.path(), tempfile::tempdir().unwrap());
        assert_eq!(checks(store, scratch.path(), None)[0].verdict, Verdict::NotChecked);
        std::thread::scope(|scope| {
            let is_stopped = || stop.load(Ordering::Relaxed);
            scope.spawn(move || hold(store, "node 1", Duration::from_secs(60), &is_stopped).unwrap());
            while peer(&meeting_place(store), scratch.path()).is_none() {
                std::thread::sleep(POLL);
            }
            let checks = checks(store, scratch.path(), None);
            stop.store(true, Ordering::Relaxed);
            let found: Vec<_> = checks.iter().map(|check| (check.verdict, check.found.as_str())).collect();
            assert_eq!(found[0], (Verdict::Ok, "a lock of node 1 locks out this machine"));
            assert!(
                found[1].0 == Verdict::Ok && found[1].1.contains("a file of node 1 was visible after"),
                "{found:?}"
            );
        });
        assert!(!meeting_place(store).exists());
    }
}
