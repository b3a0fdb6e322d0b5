//! Artifacts of a shared store that another machine has finished and this one does not see yet.

use super::{ArtifactState, Store, exists};
use std::fs;
use std::time::{Duration, Instant};

/// Interval between looks.
const POLL: Duration = Duration::from_millis(100);

impl Store {
    /// Returns the state of an artifact that is known to be finished, for example by the record of the process that wrote
    /// it: in a shared store, looks again until it is visible or the latency of the store is over. `is_stopped` ends the
    /// wait.
    pub fn state_when_visible(&self, kind: &str, key: &str, is_stopped: impl Fn() -> bool) -> ArtifactState {
        let (start, latency) =
            (Instant::now(), self.shared.as_ref().map(|shared| shared.latency()).unwrap_or_default());
        loop {
            self.look_again(kind);
            let state = self.state(kind, key);
            let is_visible = matches!(state, ArtifactState::Intact(_));
            if is_visible || start.elapsed() >= latency || is_stopped() {
                return state;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Makes a network file system compare what it remembers of a directory with the server, which it does when the
    /// directory is opened. It also remembers that a name does not exist.
    fn look_again(&self, kind: &str) {
        for directory in [self.directory.clone(), self.directory.join(kind)] {
            let entries = fs::read_dir(&directory);
            drop(entries.map(|mut entries| entries.next().is_some_and(|entry| entry.is_ok_and(|e| exists(&e.path())))));
        }
    }
}
