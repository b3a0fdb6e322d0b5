//! The store: artifacts in directories named by their keys, either complete or missing.
//!
//! ```text
//! ROOT/store-v1/KIND/KEY/         files of the stage, key.json, record.json, manifest.json
//! ROOT/store-v1/KIND/KEY.partial/ being written by the holder of the lock, or left by a killed run
//! ROOT/store-v1/KIND/KEY.checkpoints/ checkpoints of an unfinished stage; removed when the artifact is finished
//! ROOT/store-v1/KIND/KEY.replaced/    being replaced by a recomputed artifact; restored if that one is missing
//! ROOT/store-v1/KIND/KEY.damaged-1/   a damaged artifact that was set aside
//! ROOT/store-v1/.locks/KIND-KEY.lock  held while an artifact is written
//! ROOT/store-v1/.locks/store.lock     held while a run starts or a collection is in progress
//! ROOT/store-v1/.trash/               about to be deleted
//! ROOT/store-v1/.verified/KIND-KEY    stamps of the artifact's files when they were last compared with the manifest
//! ```
//!
//! A store that several machines share has further files (`shared`).

mod artifact;
mod collect;
mod disk;
mod draft;
mod import;
mod leftovers;
mod lock;
mod manifest;
mod registration;
mod sealed;
mod shared;
mod suspects;
mod verified;
mod visibility;

pub use artifact::Artifact;
pub use collect::{FreedDirectory, FreedKind, GcReport};
pub(crate) use disk::has_no_locks;
pub use disk::{Disk, RealDisk, Sharing};
pub(crate) use draft::{Draft, set_aside};
pub use import::ImportOutcome;
pub(crate) use leftovers::remove_leftovers;
pub use leftovers::{Leftover, LeftoverKind};
pub use lock::HeldLock;
pub(crate) use lock::Lock;
pub use manifest::{FileEntry, Manifest};
pub use registration::Registration;
pub(crate) use shared::{Lease, is_leased};
pub use shared::{SharedSettings, is_shared, share};
pub(crate) use suspects::set_aside_suspects;
pub use verified::Verify;
pub(crate) use verified::{ArtifactSnapshot, Inspection, Verifier};

use crate::base::{Error, Result, files};
use crate::engine::key::STORE_VERSION;
use crate::engine::{ArtifactRecord, KeyDocument};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Name of the file with the key document.
pub(crate) const KEY_FILE: &str = "key.json";
/// Name of the file with the record of the computation.
pub(crate) const RECORD_FILE: &str = "record.json";
/// Name of the manifest; written last.
pub(crate) const MANIFEST_FILE: &str = "manifest.json";

/// Directory of artifacts. Readers need no lock: a directory with its final name is complete.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    disk: disk::DiskOps,
    /// Set if several machines share it.
    shared: Option<Arc<shared::Shared>>,
}

/// State of an artifact, by file names and sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactState {
    /// It does not exist.
    Missing,
    /// All files exist with the right sizes.
    Intact(PathBuf),
    /// It is incomplete or otherwise damaged, and why.
    Damaged(String),
}

impl Store {
    /// Opens the store in an output directory. Directories are created when the first artifact is written.
    ///
    /// # Errors
    /// The path of the output directory or of the store exists and is not a directory, or the settings of a shared store
    /// cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        Self::open_with(root, Arc::new(RealDisk))
    }

    /// As [`Store::open`], with all changes made through `disk`.
    ///
    /// # Errors
    /// As for [`Store::open`].
    pub fn open_with(root: &Path, disk: Arc<dyn Disk>) -> Result<Self> {
        let directory = Self::directory_in(root);
        for path in [root, &directory] {
            if path.exists() && !path.is_dir() {
                let error = Error::stage("the output path is not a directory").at(path.display().to_string());
                return Err(error.help("choose another one with --output"));
            }
        }
        let disk = disk::DiskOps::new(disk);
        let shared = shared::Shared::open(&directory, &disk)?.map(Arc::new);
        Ok(Self { directory, disk, shared })
    }

    /// Returns the store's own directory in an output directory.
    pub(super) fn directory_in(root: &Path) -> PathBuf {
        root.join(format!("store-v{STORE_VERSION}"))
    }

    /// Returns the settings of a store that several machines share; none if it is local.
    pub fn shared_settings(&self) -> Option<&SharedSettings> {
        self.shared.as_ref().map(|shared| &shared.settings)
    }

    /// Acquires a lease on a file of a shared store, for a directory outside of the store; none if the store is local, or
    /// if another process holds the lease.
    pub(crate) fn lease(&self, path: &Path) -> Result<Option<Lease>> {
        self.shared.as_ref().map_or(Ok(None), |shared| Lease::try_acquire(shared, path))
    }

    /// Returns the store's own directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the path of an artifact, whether or not it exists.
    pub fn artifact_path(&self, kind: &str, key: &str) -> PathBuf {
        self.directory.join(kind).join(key)
    }

    /// Returns the directory of a stage's checkpoints.
    pub fn checkpoints(&self, kind: &str, key: &str) -> PathBuf {
        self.artifact_path(kind, key).with_extension(leftovers::CHECKPOINTS)
    }

    /// Returns the artifact's directory if its manifest exists and every listed file has the right size. Reads no other
    /// file.
    pub fn artifact(&self, kind: &str, key: &str) -> Option<PathBuf> {
        match self.state(kind, key) {
            ArtifactState::Intact(path) => Some(path),
            ArtifactState::Missing | ArtifactState::Damaged(_) => None,
        }
    }

    /// Returns the state of an artifact, by file names and sizes.
    pub fn state(&self, kind: &str, key: &str) -> ArtifactState {
        let path = self.artifact_path(kind, key);
        match self.read_manifest(kind, key) {
            Ok(_) => ArtifactState::Intact(path),
            Err(_) if !exists(&path) => ArtifactState::Missing,
            Err(damage) => ArtifactState::Damaged(damage),
        }
    }

    /// Removes the checkpoints of a stage, as the holder of its lock.
    pub(crate) fn remove_checkpoints(&self, kind: &str, key: &str) -> Result<()> {
        self.disk.remove(&self.checkpoints(kind, key))
    }

    fn require_existing(&self, kind: &str, key: &str) -> Result<()> {
        let path = self.artifact_path(kind, key);
        if exists(&path) {
            return Ok(());
        }
        let error = Error::stage("the artifact is missing").at(path.display().to_string());
        Err(error.help("run the pipeline that needs it"))
    }

    /// Reads every file of an artifact and compares the digests.
    ///
    /// # Errors
    /// The artifact is missing, or a file does not match its digest.
    pub fn verify(&self, kind: &str, key: &str) -> Result<()> {
        self.verify_content(kind, key)?;
        sealed::check(&self.artifact_path(kind, key)).map_err(|damage| self.damaged(kind, key, &damage))
    }

    /// As [`Store::verify`], without the record, which is not content.
    fn verify_content(&self, kind: &str, key: &str) -> Result<()> {
        self.require_existing(kind, key)?;
        let content = self
            .read_manifest(kind, key)
            .and_then(|(manifest, _)| manifest.check_digests(&self.artifact_path(kind, key), key));
        content.map_err(|damage| self.damaged(kind, key, &damage))
    }

    fn damaged(&self, kind: &str, key: &str, damage: &str) -> Error {
        let error = Error::stage(format!("the artifact is damaged: {damage}"));
        error.at(self.artifact_path(kind, key).display().to_string()).help("delete the directory and run again")
    }

    /// Reads the key document of an artifact.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn key_document(&self, kind: &str, key: &str) -> Result<KeyDocument> {
        read_json(&self.artifact_path(kind, key).join(KEY_FILE))
    }

    /// Reads the record of how an artifact was computed.
    ///
    /// # Errors
    /// The file is missing or damaged.
    pub fn record(&self, kind: &str, key: &str) -> Result<ArtifactRecord> {
        let path = self.artifact_path(kind, key).join(RECORD_FILE);
        sealed::open(&files::read(&path)?).map_err(|what| Error::stage(what).at(path.display().to_string()))
    }

    /// Returns the digests of the inputs that an artifact was computed from, by role, as far as its record has them.
    pub(crate) fn read_contents(&self, kind: &str, key: &str) -> BTreeMap<String, String> {
        self.record(kind, key).map(|record| record.inputs).unwrap_or_default()
    }

    /// Reads the manifest of an artifact.
    ///
    /// # Errors
    /// The artifact is missing, or its manifest is damaged.
    pub fn manifest(&self, kind: &str, key: &str) -> Result<Manifest> {
        Manifest::read(&self.artifact_path(kind, key)).map_err(|damage| self.damaged(kind, key, &damage))
    }

    /// Returns the kinds that have a directory, sorted.
    pub fn kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> = names(&self.directory).filter(|name| !name.starts_with('.')).collect();
        kinds.sort_unstable();
        kinds
    }

    /// Returns the keys of the finished artifacts of a kind, newest first.
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

/// Returns the names in a directory; none if it does not exist.
fn names(directory: &Path) -> impl Iterator<Item = String> + use<> {
    let entries = files::entries(directory).unwrap_or_default().into_iter();
    entries.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
}

/// Whether a path exists, even as a dangling link.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Returns the first unused path of those numbered 1, 2, ...
fn first_unused(name: impl Fn(u32) -> PathBuf) -> PathBuf {
    let mut number = 1;
    while exists(&name(number)) {
        number += 1;
    }
    name(number)
}

/// Returns the size of a file, or of all files in a directory; unreadable entries count as 0.
fn size_on_disk(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => names(path).map(|name| size_on_disk(&path.join(name))).sum(),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    }
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&files::read(path)?)
        .map_err(|error| Error::stage(format!("unexpected format: {error}")).at(path.display().to_string()))
}
