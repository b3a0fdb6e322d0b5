//! A store on a file system that several machines share.
//!
//! There a file lock may lock nobody out, and a name that one machine has created may stay invisible on another for a
//! minute. So the holder of an artifact's lock also has a lease, a file that it renews. A lease that is not renewed is
//! stale, and the next process takes the artifact over; the former holder finds another token in the file and stops.
//!
//! ```text
//! ROOT/store-v1/shared.json            marks the store as shared; its settings
//! ROOT/store-v1/.locks/KIND-KEY.owner  lease on an artifact that is being written
//! ROOT/store-v1/.locks/KIND-KEY.lock   file lock of the artifact; never removed, and says whether it was finished
//! ROOT/store-v1/.locks/store.owner     lease of a collection in progress
//! ROOT/store-v1/.locks/start-ID.owner  lease of a run that is starting
//! ROOT/store-v1/KIND/KEY.partial-TOKEN being written by the holder of the lease with this token
//! ```

mod clock;
mod lease;
mod owner;
mod settings;

pub(crate) use lease::{Lease, is_leased};
pub(super) use owner::{is_token, unique_token};
pub use settings::{SharedSettings, is_shared, share};

use super::disk::DiskOps;
use super::names;
use crate::base::{Error, ErrorKind, Result};
use clock::ServerClock;
use owner::Owner;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Extension of a lease.
pub(super) const OWNER: &str = "owner";

/// Access to a shared store.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) settings: SharedSettings,
    disk: DiskOps,
    clock: ServerClock,
    /// Since when each lease has had its current token and modification time.
    observations: Mutex<HashMap<PathBuf, Observation>>,
}

/// State of a lease when it was last looked at.
#[derive(Clone, Debug, PartialEq)]
struct Observation {
    token: String,
    modified: SystemTime,
    /// When it was first seen in this state.
    since: Instant,
}

impl Shared {
    /// Reads the settings of the store in this directory; none if it is not shared.
    pub(super) fn open(store: &Path, disk: &DiskOps) -> Result<Option<Self>> {
        let settings = SharedSettings::read(store)?;
        Ok(settings.map(|settings| Self {
            settings,
            disk: disk.clone(),
            clock: ServerClock::new(&store.join(super::lock::LOCKS)),
            observations: Mutex::default(),
        }))
    }

    /// Returns for how long what another machine has written may be invisible.
    pub(super) fn latency(&self) -> Duration {
        self.settings.latency()
    }

    /// Removes temporary files of leases that killed processes left in the directory of the locks.
    pub(super) fn remove_abandoned(&self, locks: &Path) -> Result<()> {
        let stale = Duration::from_secs_f64(self.settings.stale_seconds);
        for path in names(locks).filter(|name| name.starts_with('.')).map(|name| locks.join(name)) {
            let age = |modified| Ok(self.clock.now(&self.disk)?.duration_since(modified).unwrap_or_default());
            if self
                .disk
                .modified_if_exists(&path)?
                .map_or(Ok(false), |modified| age(modified).map(|age| age > stale))?
            {
                self.disk.remove(&path)?;
            }
        }
        Ok(())
    }

    /// Whether a lease is stale, so that the artifact may be taken over: its holder is known to be dead, or has not
    /// renewed it for long enough by the clock of the file server, and this process has seen that for two renewals. The
    /// latter gives a holder time to renew after the server was unreachable for everyone.
    fn is_stale(&self, path: &Path, owner: &Owner) -> Result<bool> {
        let Some(modified) = self.disk.modified_if_exists(path)? else { return Ok(false) };
        let unchanged = self.observe(path, owner, modified);
        if owner.is_dead() {
            return Ok(true);
        }
        let age = self.clock.now(&self.disk)?.duration_since(modified).unwrap_or_default();
        Ok(age > owner.stale_after(&self.settings) && unchanged >= 2 * self.settings.renew())
    }

    /// Returns for how long a lease has been seen in this state.
    fn observe(&self, path: &Path, owner: &Owner, modified: SystemTime) -> Duration {
        let seen = Observation { token: owner.token.clone(), modified, since: Instant::now() };
        let mut observations = self.observations.lock().unwrap_or_else(PoisonError::into_inner);
        let known = observations.entry(path.to_owned()).or_insert_with(|| seen.clone());
        if (&known.token, known.modified) != (&seen.token, modified) {
            *known = seen;
        }
        known.since.elapsed()
    }
}

/// Returns the error of a process whose lease was taken over by this owner, or by an unknown one.
fn superseded(path: &Path, owner: Option<&Owner>) -> Error {
    let by = owner.map(|owner| format!(": {owner}")).unwrap_or_default();
    let what = format!("another process has taken over what this one was writing{by}");
    Error::new(ErrorKind::Superseded, what).at(path.display().to_string()).help(
        "this process did not renew its lease in time: it was suspended, or its machine was cut off from the file system; \
         it has stopped and removed nothing, and the other process continues from the last checkpoint",
    )
}
