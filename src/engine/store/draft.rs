//! Writing an artifact: into a folder beside its place, flushed, manifest last, renamed into place.

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
    folder: PathBuf,
    key: &'a str,
    _lock: &'a Lock,
}

impl<'a> Draft<'a> {
    /// An empty folder to write into.
    pub(crate) fn new(store: &'a Store, kind: &str, key: &'a str, lock: &'a Lock) -> Result<Self> {
        let place = store.place(kind, key);
        let folder = place.with_extension(PARTIAL);
        store.changes.remove(&folder)?;
        store.changes.create_folder(&folder)?;
        Ok(Self { store, place, folder, key, _lock: lock })
    }

    /// The folder to write into.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder the artifact. Returns its place, and whether it took the place of one with other content.
    pub(crate) fn commit(self, key_text: &str, record: &Record) -> Result<(PathBuf, bool)> {
        let manifest = Manifest::of_folder(&self.folder, self.key)?;
        self.commit_as(&manifest, key_text.as_bytes(), Some(&pretty(&sealed::seal(record)?)?))
    }

    /// As [`Draft::commit`], for a folder whose manifest is known.
    pub(super) fn commit_as(self, manifest: &Manifest, key: &[u8], record: Option<&[u8]>) -> Result<(PathBuf, bool)> {
        self.seal(manifest, key, record)?;
        let differs = Manifest::read(&self.place).is_ok_and(|old| old != *manifest);
        self.put_in_place()?;
        Ok((self.place.clone(), differs))
    }

    /// Brings the stage's files to the disk, then those of the store, the manifest last.
    fn seal(&self, manifest: &Manifest, key: &[u8], record: Option<&[u8]>) -> Result<()> {
        let changes = &self.store.changes;
        let mut folders = BTreeSet::new();
        for file in &manifest.files {
            let path = self.folder.join(&file.name);
            changes.flush(&path)?;
            folders.extend(path.ancestors().skip(1).take_while(|folder| **folder != self.folder).map(Path::to_owned));
        }
        folders.iter().try_for_each(|folder| changes.flush(folder))?;
        changes.write(&self.folder.join(KEY_FILE), key)?;
        record.map_or(Ok(()), |record| changes.write(&self.folder.join(RECORD_FILE), record))?;
        changes.write(&self.folder.join(MANIFEST_FILE), &pretty(manifest)?)?;
        changes.flush(&self.folder)
    }

    /// Renames the folder into its place. What is there already makes room and comes back if that fails; where the
    /// process ends in between, the next run brings it back.
    fn put_in_place(&self) -> Result<()> {
        let (changes, replaced) = (&self.store.changes, self.place.with_extension(REPLACED));
        let makes_room = is_there(&self.place);
        if makes_room {
            changes.remove(&replaced)?;
            changes.rename(&self.place, &replaced)?;
        }
        if let Err(error) = changes.rename(&self.folder, &self.place) {
            if makes_room {
                let _ = changes.rename(&replaced, &self.place);
            }
            return Err(error);
        }
        self.place.parent().map_or(Ok(()), |folder| changes.flush(folder))?;
        changes.flush(self.store.folder())?;
        // The artifact is finished: what cannot be removed now, the next run removes.
        let _ = changes.remove(&replaced);
        let _ = changes.remove(&self.place.with_extension(CHECKPOINTS));
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // After a commit the folder is gone; if it cannot be removed now, the next run does it.
        if is_there(&self.folder) {
            let _ = self.store.changes.remove(&self.folder);
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
