//! The store: artifacts in folders named by their keys, whole or not there.
//!
//! ```text
//! ROOT/store-v1/KIND/KEY/         files of the stage, key.json, record.json, manifest.json
//! ROOT/store-v1/KIND/KEY.partial/ being written by the holder of the lock, or left by a killed run
//! ROOT/store-v1/KIND/KEY.checkpoints/ what a killed stage goes on from; gone when its artifact is there
//! ROOT/store-v1/KIND/KEY.damaged-1/
//! ROOT/store-v1/.locks/KIND-KEY.lock
//! ```

mod draft;
mod lock;
mod manifest;

pub(crate) use draft::{Draft, remove_leftovers, set_aside};
pub(crate) use lock::Lock;
pub use manifest::{FileEntry, Manifest};

use crate::base::{Error, Result, files, hash};
use crate::engine::key::STORE_VERSION;
use crate::engine::{KeyDocument, Record};
use serde::de::DeserializeOwned;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Name of the file with the key document.
pub const KEY_FILE: &str = "key.json";
/// Name of the file that says how the artifact came to be.
pub const RECORD_FILE: &str = "record.json";
/// Name of the file that lists the artifact's files; written last.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Ending of the folder that a killed stage goes on from.
const CHECKPOINTS: &str = "checkpoints";

/// A folder of artifacts. Readers need no lock: what has its final name is whole.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
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
    /// The store under an output folder; nothing is made before there is something to keep.
    ///
    /// # Errors
    /// The output folder or the store's is something else than a folder.
    pub fn open(root: &Path) -> Result<Self> {
        let folder = root.join(format!("store-v{STORE_VERSION}"));
        for path in [root, &folder] {
            if path.exists() && !path.is_dir() {
                let error = Error::stage("the output folder is not a folder").at(path.display().to_string());
                return Err(error.help("name another one with --output"));
            }
        }
        Ok(Self { folder })
    }

    /// The store's own folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where an artifact is or would be.
    pub fn place(&self, kind: &str, key: &str) -> PathBuf {
        self.folder.join(kind).join(key)
    }

    /// Where a stage leaves what it goes on from when it is killed.
    pub fn checkpoints(&self, kind: &str, key: &str) -> PathBuf {
        self.place(kind, key).with_extension(CHECKPOINTS)
    }

    /// The artifact's folder, if it is there: its manifest is, and every file has the size it says. No file is read.
    pub fn artifact(&self, kind: &str, key: &str) -> Option<PathBuf> {
        match self.state(kind, key) {
            State::Whole(path) => Some(path),
            State::Missing | State::Damaged(_) => None,
        }
    }

    /// What is in the artifact's place, by names and sizes.
    pub fn state(&self, kind: &str, key: &str) -> State {
        let place = self.place(kind, key);
        match Manifest::read(&place).and_then(|manifest| manifest.check_sizes(&place, key)) {
            Ok(()) => State::Whole(place),
            Err(_) if fs::symlink_metadata(&place).is_err() => State::Missing,
            Err(damage) => State::Damaged(damage),
        }
    }

    /// Reads every file of an artifact and compares digests.
    ///
    /// # Errors
    /// The artifact is missing, or a file is not what was written.
    pub fn verify(&self, kind: &str, key: &str) -> Result<()> {
        let place = self.place(kind, key);
        let damaged = |what: String| {
            let error = Error::stage(format!("the artifact is damaged: {what}")).at(place.display().to_string());
            error.help("delete the folder and run again")
        };
        let manifest = Manifest::read(&place).map_err(damaged)?;
        manifest.check_sizes(&place, key).and_then(|()| manifest.check_digests(&place)).map_err(damaged)?;
        match hash::digest_file(&place.join(KEY_FILE))? == key {
            true => Ok(()),
            false => Err(damaged(format!("{KEY_FILE} is not what the key is a digest of"))),
        }
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
        read_json(&self.place(kind, key).join(RECORD_FILE))
    }

    /// Kinds that have a folder, sorted.
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = names(&self.folder).filter(|name| !name.starts_with('.')).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Keys of the finished artifacts of a kind, the newest first.
    pub fn keys(&self, kind: &str) -> Vec<String> {
        let folder = self.folder.join(kind);
        let written = |key: &str| fs::metadata(folder.join(key).join(MANIFEST_FILE)).and_then(|file| file.modified());
        let finished = names(&folder).filter(|name| !name.contains('.'));
        let mut keys: Vec<(SystemTime, String)> = finished.filter_map(|key| Some((written(&key).ok()?, key))).collect();
        keys.sort_unstable_by(|a, b| b.cmp(a));
        keys.into_iter().map(|(_, key)| key).collect()
    }
}

/// Names in a folder; none where there is no folder.
fn names(folder: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&files::read(path)?)
        .map_err(|error| Error::stage(format!("not what this version writes: {error}")).at(path.display().to_string()))
}
