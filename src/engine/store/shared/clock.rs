//! The clock of the file server, which stamps files with their times of modification. The clocks of the machines that
//! share it may differ by any amount.

use super::unique_token;
use crate::base::Result;
use crate::engine::store::disk::DiskOps;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How long a reading of the clock is used; the time since then is measured by this machine.
const MAX_AGE: Duration = Duration::from_secs(30);

/// Clock of the file server of a directory.
#[derive(Debug)]
pub(super) struct ServerClock {
    directory: PathBuf,
    /// Time of the server, and when it was read.
    reading: Mutex<Option<(SystemTime, Instant)>>,
}

impl ServerClock {
    pub(super) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), reading: Mutex::new(None) }
    }

    /// Returns the time of the file server: the modification time of a file that is touched now.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub(super) fn now(&self, disk: &DiskOps) -> Result<SystemTime> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((time, read)) = *reading
            && read.elapsed() < MAX_AGE
        {
            return Ok(time + read.elapsed());
        }
        let time = read(&self.directory, disk)?;
        *reading = Some((time, Instant::now()));
        Ok(time)
    }
}

/// Reads the clock of the server of a directory.
pub(in crate::engine::store) fn read(directory: &Path, disk: &DiskOps) -> Result<SystemTime> {
    disk.create_directory(directory)?;
    let path = directory.join(format!(".clock-{}", unique_token()));
    let time = disk.write(&path, b"").and_then(|()| disk.touch(&path)).and_then(|()| disk.modified(&path));
    let removed = disk.remove(&path);
    let time = time?;
    removed.map(|()| time)
}
