//! Import of artifacts from another store, for example of another disk or machine.

use super::{ArtifactState, Draft, KEY_FILE, Lock, Manifest, RECORD_FILE, Store, sealed, set_aside};
use crate::base::{Error, Result, files};
use std::path::Path;

/// Outcome of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The artifact was copied.
    Copied,
    /// The store already has it.
    AlreadyPresent,
}

impl Store {
    /// Copies an artifact from another store, with its record. Digests are compared on both sides, so that no damaged
    /// artifact is imported; a damaged one in this store is set aside.
    ///
    /// # Errors
    /// The artifact is missing or damaged in the other store, another run is writing it in this one, or the copy cannot
    /// be written or differs.
    pub fn import(&self, other: &Store, kind: &str, key: &str) -> Result<ImportOutcome> {
        if self.artifact(kind, key).is_some() {
            return Ok(ImportOutcome::AlreadyPresent);
        }
        other.verify_content(kind, key)?;
        if other.key_document(kind, key)?.kind != kind {
            let error = Error::stage(format!("the artifact is not of kind {kind}"));
            return Err(error.at(other.artifact_path(kind, key).display().to_string()).help("delete the directory"));
        }
        let lock = Lock::acquire(self, kind, key)?;
        match self.state(kind, key) {
            ArtifactState::Intact(_) => return Ok(ImportOutcome::AlreadyPresent),
            ArtifactState::Damaged(_) => _ = set_aside(self, kind, key, &lock)?,
            ArtifactState::Missing => {}
        }
        self.copy_from(&other.artifact_path(kind, key), kind, key, &lock)?;
        Ok(ImportOutcome::Copied)
    }

    fn copy_from(&self, source: &Path, kind: &str, key: &str, lock: &Lock) -> Result<()> {
        let manifest = Manifest::read(source).map_err(|damage| differs(source, &damage))?;
        let draft = Draft::new(self, kind, key, lock)?;
        for file in &manifest.files {
            let target = draft.directory().join(&file.name);
            target.parent().map_or(Ok(()), |directory| self.disk.create_directory(directory))?;
            self.disk.copy(&source.join(&file.name), &target)?;
        }
        if Manifest::of_directory(draft.directory(), key)? != manifest {
            return Err(differs(draft.directory(), "the content of a file differs"));
        }
        // An unreadable record is left out.
        let record = files::read(&source.join(RECORD_FILE)).ok().filter(|bytes| sealed::open(bytes).is_ok());
        draft.commit_as(&manifest, &files::read(&source.join(KEY_FILE))?, record.as_deref())?;
        Ok(())
    }
}

fn differs(directory: &Path, damage: &str) -> Error {
    let error = Error::stage(format!("the copy differs from the artifact: {damage}"));
    error.at(directory.display().to_string()).help("check both disks and try again")
}
