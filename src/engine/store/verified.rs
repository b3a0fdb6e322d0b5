//! Whether an artifact is still what was written, and what a run knows of that.
//!
//! Reading every byte of every artifact in every run would cost seconds for each ten gigabytes, so what was compared
//! once is remembered, in the store as `.verified/KIND-KEY`, by inode, size and times of its files. Whatever changes a
//! file changes its ctime, which no program can set. What a disk loses by itself shows only with [`Verify::Always`] and
//! `simclr cache verify`.

use super::manifest::Stamps;
use super::{Manifest, Store, is_there, sealed};
use crate::base::files;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Directory of what is remembered, in the store's.
const MEMORY: &str = ".verified";

/// When a run compares an artifact's files with the digests in its manifest before it counts on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// In each run, even if nothing tells of a change.
    Always,
    /// Where a file's inode, size or times are others than when it was compared last.
    #[default]
    Changed,
    /// Never: names and sizes are all that counts.
    Size,
}

/// An artifact as a run found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    /// Digest of the content, by the manifest ([`Manifest::content`]).
    pub(crate) content: String,
    /// Whether the files were compared with the manifest.
    pub(crate) is_verified: bool,
    stamps: Stamps,
}

/// What is in the place of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Missing,
    Whole(Seen),
    /// By names and sizes, so that nobody can have read it.
    Broken(String),
    /// By its bytes: what was computed from it may be wrong.
    Altered(String),
}

/// What a run knows of the artifacts that it looked at.
#[derive(Debug)]
pub(crate) struct Verifier<'a> {
    store: &'a Store,
    verify: Verify,
    /// By kind and key: stamps of what was compared or written, and whether another change would show.
    known: Mutex<HashMap<(String, String), (String, bool)>>,
}

impl<'a> Verifier<'a> {
    pub(crate) fn new(store: &'a Store, verify: Verify) -> Self {
        Self { store, verify, known: Mutex::default() }
    }

    /// Looks at an artifact, and at its bytes where there is a reason to.
    pub(crate) fn look(&self, kind: &str, key: &str) -> Found {
        self.look_by(self.verify, kind, key)
    }

    /// Looks at every byte of an artifact, whatever is known of it.
    pub(crate) fn look_closely(&self, kind: &str, key: &str) -> Found {
        self.forget(kind, key);
        self.look_by(Verify::Always, kind, key)
    }

    fn look_by(&self, verify: Verify, kind: &str, key: &str) -> Found {
        let place = self.store.place(kind, key);
        let (manifest, stamps) = match self.store.look(kind, key) {
            Ok(found) => found,
            Err(_) if !is_there(&place) => return Found::Missing,
            Err(damage) => return Found::Broken(damage),
        };
        let digest = stamps.digest();
        let seen = |is_verified| {
            Found::Whole(Seen { path: place.clone(), content: manifest.content(), is_verified, stamps: stamps.clone() })
        };
        if verify == Verify::Size {
            return seen(false);
        }
        if self.is_known(kind, key, &digest) {
            return seen(true);
        }
        if let Err(damage) = manifest.check_digests(&place, key).and_then(|()| sealed::check(&place)) {
            self.forget(kind, key);
            return Found::Altered(damage);
        }
        match self.store.look(kind, key) {
            Ok(now) if now == (manifest.clone(), stamps.clone()) => {
                self.know(kind, key, &digest, stamps.is_settled());
                seen(true)
            }
            _ => Found::Altered("it changes while it is read".to_owned()),
        }
    }

    /// Whether an artifact is the one that was seen. Links and permissions may have changed meanwhile, as backups do it,
    /// if the content is the same.
    pub(crate) fn is_unchanged(&self, seen: &Seen, kind: &str, key: &str) -> bool {
        let Ok((_, now)) = self.store.look(kind, key) else { return false };
        let is_same = || matches!(self.look(kind, key), Found::Whole(now) if now.content == seen.content);
        now == seen.stamps || (now.is_written_as(&seen.stamps) && is_same())
    }

    /// Takes note of an artifact that this run wrote: its digests were made of what is on the disk.
    pub(crate) fn wrote(&self, kind: &str, key: &str) {
        if let Ok((_, stamps)) = self.store.look(kind, key) {
            self.know(kind, key, &stamps.digest(), stamps.is_settled());
        }
    }

    /// Leaves for later runs what this one wrote long enough ago.
    pub(crate) fn remember(&self) {
        for ((kind, key), (stamps, _)) in self.known().iter().filter(|(_, (_, is_settled))| !is_settled) {
            if let Ok((_, now)) = self.store.look(kind, key)
                && now.is_settled()
                && now.digest() == *stamps
            {
                self.store.remember(kind, key, stamps);
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<(String, String), (String, bool)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_known(&self, kind: &str, key: &str, stamps: &str) -> bool {
        let name = (kind.to_owned(), key.to_owned());
        if self.known().get(&name).is_some_and(|(known, _)| known == stamps) {
            return true;
        }
        let is_remembered = self.verify == Verify::Changed && self.store.is_remembered(kind, key, stamps);
        if is_remembered {
            self.known().insert(name, (stamps.to_owned(), true));
        }
        is_remembered
    }

    fn know(&self, kind: &str, key: &str, stamps: &str, is_settled: bool) {
        self.known().insert((kind.to_owned(), key.to_owned()), (stamps.to_owned(), is_settled));
        if is_settled {
            self.store.remember(kind, key, stamps);
        }
    }

    fn forget(&self, kind: &str, key: &str) {
        self.known().remove(&(kind.to_owned(), key.to_owned()));
        let _ = fs::remove_file(self.store.memory(kind, key));
    }
}

impl Store {
    /// The manifest of what is in an artifact's place and the stamps of its files, or what is wrong by names and sizes.
    pub(super) fn look(&self, kind: &str, key: &str) -> Result<(Manifest, Stamps), String> {
        let place = self.place(kind, key);
        let manifest = Manifest::read(&place)?;
        let stamps = manifest.check_sizes(&place, key)?;
        Ok((manifest, stamps))
    }

    /// The directory of an artifact whose files are what was written.
    pub fn verified_artifact(&self, kind: &str, key: &str) -> Option<PathBuf> {
        match Verifier::new(self, Verify::Changed).look(kind, key) {
            Found::Whole(seen) => Some(seen.path),
            _ => None,
        }
    }

    /// Removes what is remembered of artifacts that are gone.
    pub(super) fn forget_freed(&self) {
        for name in super::names(&self.directory.join(MEMORY)) {
            let is_gone = name.split_once('-').is_none_or(|(kind, key)| !is_there(&self.place(kind, key)));
            if is_gone {
                let _ = fs::remove_file(self.directory.join(MEMORY).join(name));
            }
        }
    }

    fn memory(&self, kind: &str, key: &str) -> PathBuf {
        self.directory.join(MEMORY).join(format!("{kind}-{key}"))
    }

    fn is_remembered(&self, kind: &str, key: &str, stamps: &str) -> bool {
        files::read_bytes(&self.memory(kind, key)).is_ok_and(|known| known == stamps.as_bytes())
    }

    /// Neither flushed nor renamed into place: what is lost or torn here costs the time to compare once more.
    fn remember(&self, kind: &str, key: &str, stamps: &str) {
        let path = self.memory(kind, key);
        if fs::write(&path, stamps).is_err() && fs::create_dir_all(self.directory.join(MEMORY)).is_ok() {
            let _ = fs::write(&path, stamps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Record;
    use crate::engine::store::{Draft, Lock};

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    /// A store with one artifact. Its key document is made up: the key is what counts here.
    fn store() -> (tempfile::TempDir, Store, String) {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let key = crate::base::hash::digest_bytes(KEY.as_bytes());
        let lock = Lock::try_take(&store, "split", &key).unwrap().unwrap();
        let draft = Draft::new(&store, "split", &key, &lock).unwrap();
        fs::write(draft.directory().join("lines.txt"), "some lines").unwrap();
        draft.commit(KEY, &Record::new("split", String::new(), 0.0, "")).unwrap();
        drop(lock);
        (directory, store, key)
    }

    #[test]
    fn what_is_remembered_is_not_read_again_unless_everything_is_or_a_stage_failed_on_it() {
        let (_directory, store, key) = store();
        let look = |verify| Verifier::new(&store, verify).look("split", &key);
        assert!(matches!(look(Verify::Changed), Found::Whole(Seen { is_verified: true, .. })));
        fs::write(store.place("split", &key).join("lines.txt"), "some limes").unwrap();
        assert!(matches!(look(Verify::Size), Found::Whole(Seen { is_verified: false, .. })));
        assert!(matches!(look(Verify::Changed), Found::Altered(_)));
        // As if the disk had lost it without any time telling.
        let lose_silently = || {
            let (_, stamps) = store.look("split", &key).unwrap();
            store.remember("split", &key, &stamps.digest());
        };
        lose_silently();
        assert!(matches!(look(Verify::Changed), Found::Whole(_)));
        assert!(matches!(look(Verify::Always), Found::Altered(_)));
        assert!(matches!(look(Verify::Changed), Found::Altered(_)), "damage that was found is forgotten again");
        lose_silently();
        let verifier = Verifier::new(&store, Verify::Changed);
        assert!(matches!(verifier.look("split", &key), Found::Whole(_)));
        assert!(matches!(verifier.look_closely("split", &key), Found::Altered(_)));
        assert!(matches!(verifier.look("split", &key), Found::Altered(_)));
    }

    #[test]
    fn what_is_remembered_goes_with_the_artifact() {
        let (_directory, store, key) = store();
        let (_, stamps) = store.look("split", &key).unwrap();
        store.remember("split", &key, &stamps.digest());
        store.forget_freed();
        assert!(store.is_remembered("split", &key, &stamps.digest()));
        store.collect(&Default::default(), false).unwrap();
        assert!(!store.memory("split", &key).exists());
    }
}
