//! The store: artifacts in directories named by their keys, whole or not there.
//!
//! ```text
//! ROOT/store-v1/KIND/KEY/         files of the stage, key.json, record.json, manifest.json
//! ROOT/store-v1/KIND/KEY.partial/ being written by the holder of the lock, or left by a killed run
//! ROOT/store-v1/KIND/KEY.checkpoints/ what a killed stage goes on from; gone when its artifact is there
//! ROOT/store-v1/KIND/KEY.replaced/    makes room for one that was computed again; comes back where that is not there
//! ROOT/store-v1/KIND/KEY.damaged-1/   was in the place of an artifact and was not whole
//! ROOT/store-v1/.locks/KIND-KEY.lock  while an artifact is written
//! ROOT/store-v1/.locks/store.lock     while a run starts, or what nobody counts on is collected
//! ROOT/store-v1/.trash/               about to be deleted
//! ROOT/store-v1/.verified/KIND-KEY    by what the artifact's files are known since they were compared with the manifest
//! ```

mod artifact;
mod collect;
mod disk;
mod doubtful;
mod draft;
mod import;
mod leftovers;
mod lock;
mod manifest;
mod registration;
mod sealed;
mod verified;

pub use artifact::Artifact;
pub use collect::{Collected, Freed, FreedKind};
pub use disk::{Disk, RealDisk, Sharing};
pub(crate) use doubtful::set_aside_doubtful;
pub(crate) use draft::{Draft, set_aside};
pub use import::Imported;
pub(crate) use leftovers::remove_leftovers;
pub use leftovers::{Leftover, LeftoverKind};
pub use lock::HeldLock;
pub(crate) use lock::Lock;
pub use manifest::{FileEntry, Manifest};
pub use registration::Registration;
pub use verified::Verify;
pub(crate) use verified::{Found, Seen, Verifier};

use crate::base::{Error, Result, files};
use crate::engine::key::STORE_VERSION;
use crate::engine::{KeyDocument, Record};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Name of the file with the key document.
pub const KEY_FILE: &str = "key.json";
/// Name of the file that says how the artifact came to be.
pub const RECORD_FILE: &str = "record.json";
/// Name of the file that lists the artifact's files; written last.
pub const MANIFEST_FILE: &str = "manifest.json";

/// A directory of artifacts. Readers need no lock: what has its final name is whole.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    changes: disk::Changes,
}

/// What is in the place of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Missing,
    /// The artifact, as far as names and sizes tell.
    Whole(PathBuf),
    /// Something that is not the whole artifact, and why.
    Damaged(String),
}

impl Store {
    /// The store under an output directory; nothing is made before there is something to keep.
    ///
    /// # Errors
    /// The output directory or the store's is something else than a directory.
    pub fn open(root: &Path) -> Result<Self> {
        Self::open_with(root, Arc::new(RealDisk))
    }

    /// As [`Store::open`], with everything that changes the disk done by `disk`.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_with(root: &Path, disk: Arc<dyn Disk>) -> Result<Self> {
        let directory = root.join(format!("store-v{STORE_VERSION}"));
        for path in [root, &directory] {
            if path.exists() && !path.is_dir() {
                let error = Error::stage("the output directory is not a directory").at(path.display().to_string());
                return Err(error.help("name another one with --output"));
            }
        }
        Ok(Self { directory, changes: disk::Changes::to(disk) })
    }

    /// The store's own directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where an artifact is or would be.
    pub fn place(&self, kind: &str, key: &str) -> PathBuf {
        self.directory.join(kind).join(key)
    }

    /// Where a stage leaves what it goes on from when it is killed.
    pub fn checkpoints(&self, kind: &str, key: &str) -> PathBuf {
        self.place(kind, key).with_extension(leftovers::CHECKPOINTS)
    }

    /// The artifact's directory, if it is there: its manifest is, and every file has the size it says. No file is read.
    pub fn artifact(&self, kind: &str, key: &str) -> Option<PathBuf> {
        match self.state(kind, key) {
            State::Whole(path) => Some(path),
            State::Missing | State::Damaged(_) => None,
        }
    }

    /// What is in the artifact's place, by names and sizes.
    pub fn state(&self, kind: &str, key: &str) -> State {
        let place = self.place(kind, key);
        match self.look(kind, key) {
            Ok(_) => State::Whole(place),
            Err(_) if !is_there(&place) => State::Missing,
            Err(damage) => State::Damaged(damage),
        }
    }

    /// Removes what a killed stage would go on from, by the holder of its lock.
    pub(crate) fn remove_checkpoints(&self, kind: &str, key: &str) -> Result<()> {
        self.changes.remove(&self.checkpoints(kind, key))
    }

    fn require_something(&self, kind: &str, key: &str) -> Result<()> {
        let place = self.place(kind, key);
        if is_there(&place) {
            return Ok(());
        }
        let error = Error::stage("the artifact is not there").at(place.display().to_string());
        Err(error.help("run the pipeline that needs it"))
    }

    /// Reads every file of an artifact and compares digests.
    ///
    /// # Errors
    /// The artifact is missing, or a file is not what was written.
    pub fn verify(&self, kind: &str, key: &str) -> Result<()> {
        self.verify_content(kind, key)?;
        sealed::check(&self.place(kind, key)).map_err(|damage| self.damaged(kind, key, &damage))
    }

    /// As [`Store::verify`], but for the record, which is not content.
    fn verify_content(&self, kind: &str, key: &str) -> Result<()> {
        self.require_something(kind, key)?;
        let content = self.look(kind, key).and_then(|(found, _)| found.check_digests(&self.place(kind, key), key));
        content.map_err(|damage| self.damaged(kind, key, &damage))
    }

    fn damaged(&self, kind: &str, key: &str, damage: &str) -> Error {
        let error = Error::stage(format!("the artifact is damaged: {damage}"));
        error.at(self.place(kind, key).display().to_string()).help("delete the directory and run again")
    }

    /// What an artifact's key is a digest of.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn key_document(&self, kind: &str, key: &str) -> Result<KeyDocument> {
        read_json(&self.place(kind, key).join(KEY_FILE))
    }

    /// How an artifact came to be.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn record(&self, kind: &str, key: &str) -> Result<Record> {
        let path = self.place(kind, key).join(RECORD_FILE);
        sealed::open(&files::read(&path)?).map_err(|what| Error::stage(what).at(path.display().to_string()))
    }

    /// Digests of the content that an artifact's stage read, by role, as far as its record has them.
    pub(crate) fn read_contents(&self, kind: &str, key: &str) -> BTreeMap<String, String> {
        self.record(kind, key).map(|record| record.inputs).unwrap_or_default()
    }

    /// The list of an artifact's files.
    ///
    /// # Errors
    /// The artifact is missing, or its list is damaged.
    pub fn manifest(&self, kind: &str, key: &str) -> Result<Manifest> {
        Manifest::read(&self.place(kind, key)).map_err(|damage| self.damaged(kind, key, &damage))
    }

    /// Kinds that have a directory, sorted.
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = names(&self.directory).filter(|name| !name.starts_with('.')).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Keys of the finished artifacts of a kind, the newest first.
    pub fn keys(&self, kind: &str) -> Vec<String> {
        let directory = self.directory.join(kind);
        let written =
            |key: &str| fs::metadata(directory.join(key).join(MANIFEST_FILE)).and_then(|file| file.modified());
        let finished = names(&directory).filter(|name| !name.contains('.'));
        let mut keys: Vec<(SystemTime, String)> = finished.filter_map(|key| Some((written(&key).ok()?, key))).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        keys.into_iter().map(|(_, key)| key).collect()
    }
}

/// Names in a directory; none where there is no directory.
fn names(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = files::entries(directory).unwrap_or_default().into_iter();
    entries.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
}

/// Whether there is anything under a name, be it a link to nowhere.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The first name that is free, of those with the numbers 1, 2, ...
fn first_free(name: impl Fn(u32) -> PathBuf) -> PathBuf {
    let mut number = 1;
    while is_there(&name(number)) {
        number += 1;
    }
    name(number)
}

/// Size of a file, or of all files in a directory; what cannot be read counts for nothing.
fn bytes_below(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => names(path).map(|name| bytes_below(&path.join(name))).sum(),
        Ok(found) => found.len(),
        Err(_) => 0,
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&files::read(path)?)
        .map_err(|error| Error::stage(format!("not what this version writes: {error}")).at(path.display().to_string()))
}
