//! `shared.json`: marks a store as shared between machines and has its settings.

use crate::base::{Error, Result, files, json};
use crate::engine::store::Store;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// Name of the file.
const FILE: &str = "shared.json";
/// Minimum number of renewals until a lease is stale.
const MIN_RENEWALS: f64 = 2.0;
/// Maximum of all settings, seconds: a day.
const MAX_SECONDS: f64 = 86_400.0;

/// Settings of a shared store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SharedSettings {
    /// Seconds between renewals of a lease.
    pub renew_seconds: f64,
    /// Seconds without a renewal after which a lease is stale and another process takes over.
    pub stale_seconds: f64,
    /// Seconds for which what one machine has written may be invisible on another.
    pub latency_seconds: f64,
}

impl Default for SharedSettings {
    fn default() -> Self {
        Self { renew_seconds: 20.0, stale_seconds: 120.0, latency_seconds: 60.0 }
    }
}

impl SharedSettings {
    /// Reads the settings of the store in a directory; none if it is not shared.
    pub(super) fn read(store: &Path) -> Result<Option<Self>> {
        let path = store.join(FILE);
        let text = match files::read_bytes(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(Error::io("read", &path, &error)),
        };
        let settings: Self = serde_json::from_slice(&text).map_err(|error| invalid(&path, &error.to_string()))?;
        settings.check().map(|()| Some(settings)).map_err(|what| invalid(&path, &what))
    }

    /// Returns what is wrong with the settings.
    fn check(&self) -> Result<(), String> {
        let Self { renew_seconds, stale_seconds, latency_seconds } = self;
        let in_range = |seconds: f64| (0.0..=MAX_SECONDS).contains(&seconds);
        if ![*renew_seconds, *stale_seconds, *latency_seconds].into_iter().all(in_range) || *renew_seconds <= 0.0 {
            return Err(format!("the seconds must be between 0 and {MAX_SECONDS}, and those between renewals above 0"));
        }
        if *stale_seconds < MIN_RENEWALS * renew_seconds {
            return Err(format!("stale_seconds must be at least {MIN_RENEWALS} times renew_seconds"));
        }
        Ok(())
    }

    pub(super) fn renew(&self) -> Duration {
        Duration::from_secs_f64(self.renew_seconds)
    }

    pub(super) fn latency(&self) -> Duration {
        Duration::from_secs_f64(self.latency_seconds)
    }
}

fn invalid(path: &Path, what: &str) -> Error {
    let error = Error::usage(format!("not valid settings of a shared store: {what}"));
    error.at(path.display().to_string()).help("`simclr doctor --store DIR --share` writes the default settings")
}

/// Returns whether the store in an output directory is marked as shared between machines.
///
/// # Errors
/// Its settings cannot be read or are not valid.
pub fn is_shared(root: &Path) -> Result<bool> {
    SharedSettings::read(&Store::directory_in(root)).map(|settings| settings.is_some())
}

/// Marks the store in an output directory as shared between machines, so that every process that opens it from now on
/// keeps leases. Without settings, those of a store that is already shared are kept, and others get the default. Returns
/// the settings in effect. No process may be using the store.
///
/// # Errors
/// The settings are not valid, or the directory cannot be written.
pub fn share(root: &Path, settings: Option<&SharedSettings>) -> Result<SharedSettings> {
    let directory = Store::directory_in(root);
    let path = directory.join(FILE);
    let known = match settings {
        Some(_) => None,
        None => SharedSettings::read(&directory).ok().flatten(),
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let settings = settings.cloned().unwrap_or_default();
    settings.check().map_err(|what| invalid(&path, &what))?;
    files::create_directory(&directory)?;
    files::write_atomic(&path, json::pretty(&settings)?.as_bytes())?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::directory_in(directory.path());
        assert_eq!(SharedSettings::read(&store).unwrap(), None);
        let own = SharedSettings { renew_seconds: 0.5, stale_seconds: 2.0, latency_seconds: 0.0 };
        assert_eq!(share(directory.path(), Some(&own)).unwrap(), own);
        assert_eq!(share(directory.path(), None).unwrap(), own);
        assert_eq!(share(directory.path(), Some(&SharedSettings::default())).unwrap(), SharedSettings::default());
        assert_eq!(SharedSettings::read(&store).unwrap(), Some(SharedSettings::default()));
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        for (renew, stale, latency) in [(0.0, 10.0, 1.0), (5.0, 9.0, 1.0), (1.0, 10.0, -1.0), (1.0, f64::NAN, 1.0)] {
            let settings = SharedSettings { renew_seconds: renew, stale_seconds: stale, latency_seconds: latency };
            assert!(share(directory.path(), Some(&settings)).is_err(), "{settings:?}");
        }
        let store = Store::directory_in(directory.path());
        std::fs::create_dir_all(&store).unwrap();
        for text in ["{", "3", "{\"lease\": 3}", "{\"renew_seconds\": 200}"] {
            std::fs::write(store.join(FILE), text).unwrap();
            let error = SharedSettings::read(&store).unwrap_err();
            assert!(error.place().is_some() && error.next_step().is_some(), "{text}: {error}");
        }
        std::fs::write(store.join(FILE), "{}").unwrap();
        assert_eq!(SharedSettings::read(&store).unwrap(), Some(SharedSettings::default()));
    }
}
