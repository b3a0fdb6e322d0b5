//! Writing an artifact: into a directory beside its place, flushed, manifest last, renamed into place.

use super::leftovers::{CHECKPOINTS, PARTIAL, REPLACED};
use super::{KEY_FILE, Lock, MANIFEST_FILE, Manifest, RECORD_FILE, Store, first_free, is_there, sealed};
use crate::base::{Error, Result};
use crate::engine::Record;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// An artifact that is being written by the holder of its lock; thrown away when dropped before [`Draft::commit`].
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    store: &'a Store,
    place: PathBuf,
    directory: PathBuf,
    key: &'a str,
    _lock: &'a Lock,
}

impl<'a> Draft<'a> {
    /// An empty directory to write into.
    pub(crate) fn new(store: &'a Store, kind: &str, key: &'a str, lock: &'a Lock) -> Result<Self> {
        let place = store.place(kind, key);
        let directory = place.with_extension(PARTIAL);
        store.changes.remove(&directory)?;
        store.changes.create_directory(&directory)?;
        Ok(Self { store, place, directory, key, _lock: lock })
    }

    /// The directory to write into.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Makes the directory the artifact. Returns its place, and whether it took the place of one with other content.
    pub(crate) fn commit(self, key_text: &str, record: &Record) -> Result<(PathBuf, bool)> {
        let manifest = Manifest::of_directory(&self.directory, self.key)?;
        self.commit_as(&manifest, key_text.as_bytes(), Some(&pretty(&sealed::seal(record)?)?))
    }

    /// As [`Draft::commit`], for a directory whose manifest is known.
    pub(super) fn commit_as(self, manifest: &Manifest, key: &[u8], record: Option<&[u8]>) -> Result<(PathBuf, bool)> {
        self.seal(manifest, key, record)?;
        let differs = Manifest::read(&self.place).is_ok_and(|old| old != *manifest);
        self.put_in_place()?;
        Ok((self.place.clone(), differs))
    }

    /// Brings the stage's files to the disk, then those of the store, the manifest last.
    fn seal(&self, manifest: &Manifest, key: &[u8], record: Option<&[u8]>) -> Result<()> {
        let changes = &self.store.changes;
        let mut directories = BTreeSet::new();
        for file in &manifest.files {
            let path = self.directory.join(&file.name);
            changes.flush(&path)?;
            directories.extend(
                path.ancestors().skip(1).take_while(|directory| **directory != self.directory).map(Path::to_owned),
            );
        }
        directories.iter().try_for_each(|directory| changes.flush(directory))?;
        changes.write(&self.directory.join(KEY_FILE), key)?;
        record.map_or(Ok(()), |record| changes.write(&self.directory.join(RECORD_FILE), record))?;
        changes.write(&self.directory.join(MANIFEST_FILE), &pretty(manifest)?)?;
        changes.flush(&self.directory)
    }

    /// Renames the directory into its place. What is there already makes room and comes back if that fails; where the
    /// process ends in between, the next run brings it back.
    fn put_in_place(&self) -> Result<()> {
        let (changes, replaced) = (&self.store.changes, self.place.with_extension(REPLACED));
        let makes_room = is_there(&self.place);
        if makes_room {
            changes.remove(&replaced)?;
            changes.rename(&self.place, &replaced)?;
        }
        if let Err(error) = changes.rename(&self.directory, &self.place) {
            if makes_room {
                let _ = changes.rename(&replaced, &self.place);
            }
            return Err(error);
        }
        self.place.parent().map_or(Ok(()), |directory| changes.flush(directory))?;
        changes.flush(self.store.directory())?;
        // The artifact is finished: what cannot be removed now, the next run removes.
        let _ = changes.remove(&replaced);
        let _ = changes.remove(&self.place.with_extension(CHECKPOINTS));
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // After a commit the directory is gone; if it cannot be removed now, the next run does it.
        if is_there(&self.directory) {
            let _ = self.store.changes.remove(&self.directory);
        }
    }
}

/// Renames a damaged artifact to the first free `KEY.damaged-N`, by the holder of its lock. Returns the new name.
pub(crate) fn set_aside(store: &Store, kind: &str, key: &str, _lock: &Lock) -> Result<PathBuf> {
    let place = store.place(kind, key);
    let aside = first_free(|number| place.with_extension(format!("damaged-{number}")));
    store.changes.rename(&place, &aside)?;
    Ok(aside)
}

impl Store {
    /// Renames an artifact that was found to be damaged, as [`Store::verify`] does, to the first free `KEY.damaged-N`,
    /// so that the next run computes it again. Returns the new name.
    ///
    /// # Errors
    /// There is nothing in its place, another run is writing it, or the store cannot be written.
    pub fn set_damaged_aside(&self, kind: &str, key: &str) -> Result<PathBuf> {
        self.require_something(kind, key)?;
        let lock = Lock::take(self, kind, key)?;
        set_aside(self, kind, key, &lock)
    }
}

/// JSON for people, ending in a line break.
fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::bug(format!("no JSON form: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}
