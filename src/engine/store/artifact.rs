//! The list of artifacts, for people who look at what a store holds.

use super::{MANIFEST_FILE, State, Store, bytes_below, names};
use crate::base::hash;
use crate::engine::Record;
use std::fs;
use std::time::SystemTime;

/// An artifact, or what is in the place of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Its kind.
    pub kind: String,
    /// Its key.
    pub key: String,
    /// Size of all files in its directory.
    pub bytes: u64,
    /// When it was finished.
    pub written: SystemTime,
    /// How it came to be, where that can be read.
    pub record: Option<Record>,
    /// What is wrong with it, as far as names and sizes tell.
    pub damage: Option<String>,
}

impl Store {
    /// Everything that is in the place of an artifact, the newest first.
    pub fn artifacts(&self) -> Vec<Artifact> {
        let kinds = self.kinds();
        let of_kind = |kind: &String| {
            let keys: Vec<String> = names(&self.directory.join(kind)).filter(|name| hash::is_digest(name)).collect();
            keys.into_iter().filter_map(|key| self.look_at(kind, key)).collect::<Vec<_>>()
        };
        let mut artifacts: Vec<Artifact> = kinds.iter().flat_map(of_kind).collect();
        artifacts.sort_by(|a, b| b.written.cmp(&a.written).then_with(|| (&a.kind, &a.key).cmp(&(&b.kind, &b.key))));
        artifacts
    }

    /// An artifact as it is now; nothing if it went away since it was listed.
    fn look_at(&self, kind: &str, key: String) -> Option<Artifact> {
        let place = self.place(kind, &key);
        let found = fs::metadata(place.join(MANIFEST_FILE)).or_else(|_| fs::symlink_metadata(&place)).ok()?;
        let damage = match self.state(kind, &key) {
            State::Missing => return None,
            State::Whole(_) => None,
            State::Damaged(damage) => Some(damage),
        };
        let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let (bytes, record) = (bytes_below(&place), self.record(kind, &key).ok());
        Some(Artifact { kind: kind.to_owned(), key, bytes, written, record, damage })
    }
}
