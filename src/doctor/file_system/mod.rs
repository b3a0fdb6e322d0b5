//! Checks of the file system of a store: whether it does what a store on several machines relies on.

mod peer;

pub(crate) use peer::hold;

use crate::base::{Error, Result, files, human};
use crate::engine::store::{Disk, RealDisk, SharedSettings, Sharing, has_no_locks};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Number of times that a file is replaced while it is read.
const REPLACEMENTS: usize = 200;
/// Clocks that differ by less than this are not reported as different.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);

/// Result of a check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StoreCheck {
    /// What was checked.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was found, in words.
    pub found: String,
}

/// Whether a store can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Not checked, since that needs a second machine.
    NotChecked,
    /// Not as it should be, and the store works nevertheless if it is shared.
    NeedsLeases,
    /// A store cannot work here.
    Broken,
}

/// What another process finds when it tries to lock a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherLock {
    /// It got the lock.
    Locked,
    /// It did not, since this process holds the lock.
    Held,
}

/// Tries to lock a file.
///
/// # Errors
/// The file cannot be opened or locked.
pub(crate) fn try_lock(path: &Path) -> Result<OtherLock> {
    match RealDisk.try_lock(path, Sharing::Exclusive) {
        Ok(Some(_)) => Ok(OtherLock::Locked),
        Ok(None) => Ok(OtherLock::Held),
        Err(error) => Err(Error::io("lock", path, &error)),
    }
}

/// Checks the file system of a store's directory. `other` tries to lock a file in another process.
///
/// # Errors
/// The directory cannot be created.
pub(crate) fn check(
    store: &Path,
    settings: Option<&SharedSettings>,
    other: &dyn Fn(&Path) -> Result<OtherLock>,
) -> Result<Vec<StoreCheck>> {
    files::create_directory(store)?;
    let directory = tempfile::Builder::new().prefix(".doctor-").tempdir_in(store);
    let directory = directory.map_err(|error| Error::io("create a directory in", store, &error))?;
    let scratch = directory.path();
    let mut checks = vec![
        StoreCheck::new("files", write(scratch)),
        StoreCheck::new("locks", locks(scratch, other)),
        StoreCheck::new("links", links(scratch)),
        StoreCheck::new("renames", renames(scratch)),
        StoreCheck::new("clock", clock(scratch)),
        StoreCheck::new("free space", free_space(store)),
    ];
    checks.extend(peer::checks(store, scratch, settings));
    Ok(checks)
}

impl StoreCheck {
    fn new(check: &'static str, result: io::Result<(Verdict, String)>) -> Self {
        let (verdict, found) = result.unwrap_or_else(|error| (Verdict::Broken, error.to_string()));
        Self { check, verdict, found }
    }
}

/// Writes a file, flushes it and reads it back.
fn write(scratch: &Path) -> io::Result<(Verdict, String)> {
    let (path, bytes) = (scratch.join("file"), vec![7u8; 1 << 20]);
    RealDisk.write(&path, &bytes)?;
    RealDisk.flush(&path)?;
    Ok(match files::read_bytes(&path)? == bytes {
        true => (Verdict::Ok, "read back as they were written".to_owned()),
        false => (Verdict::Broken, "not read back as they were written".to_owned()),
    })
}

/// Holds a lock while another process tries to get it, and again after it was released.
fn locks(scratch: &Path, other: &dyn Fn(&Path) -> Result<OtherLock>) -> io::Result<(Verdict, String)> {
    let path = scratch.join("lock");
    let held = match RealDisk.try_lock(&path, Sharing::Exclusive) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok((Verdict::NeedsLeases, "a new lock is held already".to_owned())),
        Err(error) if has_no_locks(&error) => return Ok((Verdict::NeedsLeases, format!("not supported ({error})"))),
        Err(error) => return Err(error),
    };
    let ask = || other(&path).map_err(|error| io::Error::other(error.what().to_owned()));
    let while_held = ask()?;
    drop(held);
    Ok(match (while_held, ask()?) {
        (OtherLock::Held, OtherLock::Locked) => {
            (Verdict::Ok, "a lock locks out another process of this machine".to_owned())
        }
        (OtherLock::Locked, _) => (Verdict::NeedsLeases, "a lock does not lock out another process".to_owned()),
        (OtherLock::Held, OtherLock::Held) => (Verdict::NeedsLeases, "a released lock stays locked".to_owned()),
    })
}

/// Gives a file a second name, of which there may be one only.
fn links(scratch: &Path) -> io::Result<(Verdict, String)> {
    let [file, first, second] = ["linked", "first", "second"].map(|name| scratch.join(name));
    RealDisk.write(&file, b"1")?;
    RealDisk.write(&second, b"2")?;
    if let Err(error) = RealDisk.link(&file, &first) {
        let exclusive = File::options().write(true).create_new(true).open(&second);
        return match exclusive.map_err(|error| error.kind()) {
            Err(ErrorKind::AlreadyExists) => {
                Ok((Verdict::NeedsLeases, format!("not supported ({error}); files are created exclusively instead")))
            }
            _ => Ok((Verdict::Broken, format!("no hard links ({error}), and no exclusive creation of files"))),
        };
    }
    let again = RealDisk.link(&file, &second).map_err(|error| error.kind());
    let is_right = again == Err(ErrorKind::AlreadyExists) && files::read_bytes(&first)? == b"1";
    Ok(match is_right && files::read_bytes(&second)? == b"2" {
        true => (Verdict::Ok, "a link never replaces a file".to_owned()),
        false => (Verdict::Broken, "a link replaced a file: two processes could hold one lease".to_owned()),
    })
}

/// Replaces a file many times while a thread reads it, and renames a directory.
fn renames(scratch: &Path) -> io::Result<(Verdict, String)> {
    let (path, temporary, is_done) = (scratch.join("replaced"), scratch.join("temporary"), AtomicBool::new(false));
    let content = |number: usize| format!("{number:>4096}").into_bytes();
    RealDisk.write(&path, &content(0))?;
    let is_whole = |bytes: io::Result<Vec<u8>>| bytes.is_ok_and(|bytes| bytes.len() == content(0).len());
    let (replaced, gaps) = std::thread::scope(|scope| {
        let reader = std::thread::Builder::new().spawn_scoped(scope, || {
            let mut gaps = 0usize;
            while !is_done.load(Ordering::Relaxed) {
                gaps += usize::from(!is_whole(files::read_bytes(&path)));
            }
            gaps
        });
        let replace =
            |number| RealDisk.write(&temporary, &content(number)).and_then(|()| RealDisk.rename(&temporary, &path));
        let replaced = (1..=REPLACEMENTS).try_for_each(replace);
        is_done.store(true, Ordering::Relaxed);
        (replaced, reader.map(|reader| reader.join().unwrap_or(0)))
    });
    replaced?;
    if gaps? > 0 {
        return Ok((Verdict::Broken, "a file that is replaced is missing for a moment".to_owned()));
    }
    let [from, to] = ["directory", "renamed"].map(|name| scratch.join(name));
    RealDisk.create_directory(&from)?;
    RealDisk.write(&from.join("file"), b"1")?;
    RealDisk.rename(&from, &to)?;
    Ok(match !from.exists() && to.join("file").exists() {
        true => (Verdict::Ok, "atomic, of files and of directories".to_owned()),
        false => (Verdict::Broken, "a directory was not renamed as a whole".to_owned()),
    })
}

/// Compares the clock of the file server with this machine's.
fn clock(scratch: &Path) -> io::Result<(Verdict, String)> {
    let (server, ours) = (server_time(scratch)?, SystemTime::now());
    let (difference, which) = match server.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(error) => (error.duration(), "behind"),
    };
    // Leases are compared with the server's clock, so any difference is harmless.
    Ok(match difference < CLOCK_TOLERANCE {
        true => (Verdict::Ok, "that of the file server agrees with this machine's".to_owned()),
        false => {
            let by = human::seconds(difference.as_secs_f64());
            (Verdict::Ok, format!("that of the file server is {by} {which} this machine's, which does no harm"))
        }
    })
}

/// Returns the time of the file server: the modification time of a file that is touched now.
fn server_time(directory: &Path) -> io::Result<SystemTime> {
    let path = directory.join("clock");
    RealDisk.write(&path, b"")?;
    RealDisk.touch(&path)?;
    RealDisk.modified(&path)
}

#[cfg(unix)]
fn free_space(store: &Path) -> io::Result<(Verdict, String)> {
    let space = rustix::fs::statvfs(store)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    let files = if space.f_files == 0 { String::new() } else { format!(", room for {} files", space.f_favail) };
    Ok((Verdict::Ok, format!("{}{files}", human::bytes(free))))
}

#[cfg(not(unix))]
fn free_space(_: &Path) -> io::Result<(Verdict, String)> {
    Ok((Verdict::NotChecked, "unknown on this system".to_owned()))
}

/// Returns the directory in which two machines meet.
fn meeting_place(store: &Path) -> PathBuf {
    store.join(".doctor")
}

/// Removes a file that may be missing.
fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(other: &dyn Fn(&Path) -> Result<OtherLock>) -> Vec<(&'static str, Verdict)> {
        let directory = tempfile::tempdir().unwrap();
        let checks = check(&directory.path().join("store"), None, other).unwrap();
        assert_eq!(fs::read_dir(directory.path().join("store")).unwrap().count(), 0, "nothing is left");
        checks.into_iter().map(|check| (check.check, check.verdict)).collect()
    }

    #[test]
    fn a_local_disk_passes_and_locks_that_lie_are_found() {
        // A second descriptor of this process is locked out as another process is.
        let sound = checked(&|path| try_lock(path));
        assert!(sound.iter().all(|(_, verdict)| matches!(verdict, Verdict::Ok | Verdict::NotChecked)), "{sound:?}");
        let lying = checked(&|_| Ok(OtherLock::Locked));
        assert!(lying.contains(&("locks", Verdict::NeedsLeases)), "{lying:?}");
        let stuck = checked(&|_| Ok(OtherLock::Held));
        assert!(stuck.contains(&("locks", Verdict::NeedsLeases)), "{stuck:?}");
    }
}
