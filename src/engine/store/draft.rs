//! Writing of artifacts: into a directory next to the final path, flushed, manifest last, then renamed.

use super::leftovers::{CHECKPOINTS, PARTIAL, REPLACED};
use super::{KEY_FILE, Lock, MANIFEST_FILE, Manifest, RECORD_FILE, Store, exists, first_unused, sealed};
use crate::base::{Result, json};
use crate::engine::ArtifactRecord;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Artifact being written by the holder of its lock; discarded if dropped before [`Draft::commit`].
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    store: &'a Store,
    final_path: PathBuf,
    directory: PathBuf,
    key: &'a str,
    lock: &'a Lock,
}

impl<'a> Draft<'a> {
    /// Creates an empty directory to write to.
    pub(crate) fn new(store: &'a Store, kind: &str, key: &'a str, lock: &'a Lock) -> Result<Self> {
        let final_path = store.artifact_path(kind, key);
        // In a shared store another process may still be writing to the directory of an earlier lease.
        let directory = match lock.token() {
            Some(token) => final_path.with_extension(format!("{PARTIAL}-{token}")),
            None => final_path.with_extension(PARTIAL),
        };
        store.disk.remove(&directory)?;
        store.disk.create_directory(&directory)?;
        Ok(Self { store, final_path, directory, key, lock })
    }

    /// Returns the directory to write to.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Turns the directory into the artifact. Returns its path, and whether it replaced one with different content.
    pub(crate) fn commit(self, key_text: &str, record: &ArtifactRecord) -> Result<(PathBuf, bool)> {
        let manifest = Manifest::of_directory(&self.directory, self.key)?;
        self.commit_as(&manifest, key_text.as_bytes(), Some(json::pretty(&sealed::seal(record)?)?.as_bytes()))
    }

    /// As [`Draft::commit`], with a given manifest.
    pub(super) fn commit_as(self, manifest: &Manifest, key: &[u8], record: Option<&[u8]>) -> Result<(PathBuf, bool)> {
        self.seal(manifest, key, record)?;
        let differs = Manifest::read(&self.final_path).is_ok_and(|old| old.content() != manifest.content());
        // Before the check: what another process that has taken over meanwhile finished is not replaced, since a directory
        // cannot be renamed to one that has files.
        let replaces = exists(&self.final_path);
        self.lock.check()?;
        if let Err(error) = self.put_in_place(replaces, manifest) {
            self.lock.check()?;
            return Err(error);
        }
        self.lock.note_finished(true);
        Ok((self.final_path.clone(), differs))
    }

    /// Flushes the stage's files to the disk, then writes those of the store, the manifest last.
    fn seal(&self, manifest: &Manifest, key: &[u8], record: Option<&[u8]>) -> Result<()> {
        let disk = &self.store.disk;
        let mut directories = BTreeSet::new();
        for file in &manifest.files {
            let path = self.directory.join(&file.name);
            disk.flush(&path)?;
            directories.extend(
                path.ancestors().skip(1).take_while(|directory| **directory != self.directory).map(Path::to_owned),
            );
        }
        directories.iter().try_for_each(|directory| disk.flush(directory))?;
        disk.write(&self.directory.join(KEY_FILE), key)?;
        record.map_or(Ok(()), |record| disk.write(&self.directory.join(RECORD_FILE), record))?;
        disk.write(&self.directory.join(MANIFEST_FILE), json::pretty(manifest)?.as_bytes())?;
        disk.flush(&self.directory)
    }

    /// Renames the directory to its final path. An existing artifact is moved out of the way and restored if that
    /// fails; if the process ends in between, the next run restores it.
    fn put_in_place(&self, replaces: bool, manifest: &Manifest) -> Result<()> {
        let (disk, replaced) = (&self.store.disk, self.final_path.with_extension(REPLACED));
        if replaces {
            disk.remove(&replaced)?;
            let renamed = disk.rename(&self.final_path, &replaced);
            self.unless_done(renamed, || exists(&replaced) && !exists(&self.final_path))?;
        }
        let renamed = disk.rename(&self.directory, &self.final_path);
        let is_done = || !exists(&self.directory) && Manifest::read(&self.final_path).as_ref() == Ok(manifest);
        if let Err(error) = self.unless_done(renamed, is_done) {
            if replaces {
                let _ = disk.rename(&replaced, &self.final_path);
            }
            return Err(error);
        }
        self.final_path.parent().map_or(Ok(()), |directory| disk.flush(directory))?;
        disk.flush(self.store.directory())?;
        // The artifact is finished; if these cannot be removed now, the next run removes them.
        let _ = disk.remove(&replaced);
        let _ = disk.remove(&self.final_path.with_extension(CHECKPOINTS));
        Ok(())
    }

    /// Returns the error of a rename, unless it is in a shared store and has been done nevertheless: if the answer of a
    /// server is lost, the request is repeated and fails.
    fn unless_done(&self, renamed: Result<()>, is_done: impl FnOnce() -> bool) -> Result<()> {
        if renamed.is_err() && self.store.shared.is_some() && is_done() { Ok(()) } else { renamed }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // After a commit the directory no longer exists; if it cannot be removed now, the next run removes it. So does the
        // process that has taken over.
        if !self.lock.is_lost() && exists(&self.directory) {
            let _ = self.store.disk.remove(&self.directory);
        }
    }
}

/// Renames a damaged artifact to the first unused `KEY.damaged-N`, as the holder of its lock. Returns the new path.
pub(crate) fn set_aside(store: &Store, kind: &str, key: &str, lock: &Lock) -> Result<PathBuf> {
    let final_path = store.artifact_path(kind, key);
    lock.check()?;
    lock.note_finished(false);
    let aside = first_unused(|number| final_path.with_extension(format!("damaged-{number}")));
    store.disk.rename(&final_path, &aside)?;
    Ok(aside)
}

impl Store {
    /// Renames an artifact found to be damaged, by [`Store::verify`] for example, to the first unused `KEY.damaged-N`,
    /// so that the next run recomputes it. Returns the new path.
    ///
    /// # Errors
    /// The artifact is missing, another run is writing it, or the store cannot be written.
    pub fn set_damaged_aside(&self, kind: &str, key: &str) -> Result<PathBuf> {
        self.require_existing(kind, key)?;
        let lock = Lock::acquire(self, kind, key)?;
        set_aside(self, kind, key, &lock)
    }
}
