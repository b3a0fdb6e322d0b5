//! Copying an artifact from another store, of another disk or another machine.

use super::{Draft, KEY_FILE, Lock, Manifest, RECORD_FILE, State, Store, sealed, set_aside};
use crate::base::{Error, Result, files};
use std::path::Path;

/// What became of an artifact that was to be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was copied.
    Copied,
    /// The store had it already.
    AlreadyThere,
}

impl Store {
    /// Copies an artifact from another store, with its record. Digests are compared on both sides, so that nothing
    /// damaged comes in; what is damaged here is set aside.
    ///
    /// # Errors
    /// The artifact is missing or damaged there, another run is writing it here, or the copy cannot be written or is
    /// not the same.
    pub fn import(&self, other: &Store, kind: &str, key: &str) -> Result<Imported> {
        if self.artifact(kind, key).is_some() {
            return Ok(Imported::AlreadyThere);
        }
        other.verify_content(kind, key)?;
        if other.key_document(kind, key)?.kind != kind {
            let error = Error::stage(format!("the artifact is not of kind {kind}"));
            return Err(error.at(other.place(kind, key).display().to_string()).help("delete the directory"));
        }
        let lock = Lock::take(self, kind, key)?;
        match self.state(kind, key) {
            State::Whole(_) => return Ok(Imported::AlreadyThere),
            State::Damaged(_) => _ = set_aside(self, kind, key, &lock)?,
            State::Missing => {}
        }
        self.copy_from(&other.place(kind, key), kind, key, &lock)?;
        Ok(Imported::Copied)
    }

    fn copy_from(&self, source: &Path, kind: &str, key: &str, lock: &Lock) -> Result<()> {
        let manifest = Manifest::read(source).map_err(|damage| differs(source, &damage))?;
        let draft = Draft::new(self, kind, key, lock)?;
        for file in &manifest.files {
            let target = draft.directory().join(&file.name);
            target.parent().map_or(Ok(()), |directory| self.changes.create_directory(directory))?;
            self.changes.copy(&source.join(&file.name), &target)?;
        }
        if Manifest::of_directory(draft.directory(), key)? != manifest {
            return Err(differs(draft.directory(), "a file has other content"));
        }
        // A record that cannot be read is worth nothing here either.
        let record = files::read(&source.join(RECORD_FILE)).ok().filter(|bytes| sealed::open(bytes).is_ok());
        draft.commit_as(&manifest, &files::read(&source.join(KEY_FILE))?, record.as_deref())?;
        Ok(())
    }
}

fn differs(directory: &Path, damage: &str) -> Error {
    let error = Error::stage(format!("the copy is not the same as the artifact: {damage}"));
    error.at(directory.display().to_string()).help("check both disks and try again")
}
