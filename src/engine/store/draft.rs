//! Writing an artifact: into a folder beside its place, flushed, manifest last, renamed into place.

use super::{CHECKPOINTS, KEY_FILE, Lock, MANIFEST_FILE, Manifest, RECORD_FILE, Store, names};
use crate::base::{Error, Result, files};
use crate::engine::Record;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Ending of a folder that is being written.
const PARTIAL: &str = "partial";
/// Ending of an artifact that makes room for one that was computed again.
const REPLACED: &str = "replaced";

/// An artifact that is being written by the holder of its lock; thrown away when dropped before [`Draft::commit`].
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    place: PathBuf,
    folder: PathBuf,
    key: &'a str,
    _lock: &'a Lock,
}

impl<'a> Draft<'a> {
    /// An empty folder to write into.
    pub(crate) fn new(store: &Store, kind: &str, key: &'a str, lock: &'a Lock) -> Result<Self> {
        let place = store.place(kind, key);
        let folder = place.with_extension(PARTIAL);
        remove(&folder)?;
        files::create_folder(&folder)?;
        Ok(Self { place, folder, key, _lock: lock })
    }

    /// The folder to write into.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder the artifact. Returns its place, and whether it took the place of one with other content.
    pub(crate) fn commit(self, key_text: &str, record: &Record) -> Result<(PathBuf, bool)> {
        let manifest = Manifest::of_folder(&self.folder, self.key)?;
        for file in &manifest.files {
            flush(&self.folder.join(&file.name))?;
        }
        write(&self.folder.join(KEY_FILE), key_text.as_bytes())?;
        write(&self.folder.join(RECORD_FILE), &pretty(record)?)?;
        write(&self.folder.join(MANIFEST_FILE), &pretty(&manifest)?)?;
        sync_folder(&self.folder)?;
        let replaced = Manifest::read(&self.place).ok();
        if self.place.exists() {
            rename(&self.place, &self.place.with_extension(REPLACED))?;
        }
        rename(&self.folder, &self.place)?;
        self.place.parent().map_or(Ok(()), sync_folder)?;
        remove(&self.place.with_extension(REPLACED))?;
        remove(&self.place.with_extension(CHECKPOINTS))?;
        Ok((self.place.clone(), replaced.is_some_and(|old| old != manifest)))
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        // After a commit the folder is gone; if it cannot be removed now, the next run does it.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Renames a damaged artifact to the first free `KEY.damaged-N`, by the holder of its lock. Returns the new name.
pub(crate) fn set_aside(store: &Store, kind: &str, key: &str, _lock: &Lock) -> Result<PathBuf> {
    let place = store.place(kind, key);
    let mut aside = place.with_extension("damaged-1");
    let mut number = 1;
    while fs::symlink_metadata(&aside).is_ok() {
        number += 1;
        aside = place.with_extension(format!("damaged-{number}"));
    }
    rename(&place, &aside)?;
    Ok(aside)
}

/// Removes what killed runs left half-written; what a living run writes is under its lock and stays.
pub(crate) fn remove_leftovers(store: &Store) -> Result<()> {
    for kind in store.kinds() {
        for name in names(&store.folder().join(&kind)) {
            let Some((key, PARTIAL | REPLACED)) = name.split_once('.') else { continue };
            if let Some(_lock) = Lock::try_take(store, &kind, key)? {
                remove(&store.folder().join(&kind).join(&name))?;
            }
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder, &error)),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::io("rename", from, &error))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|error| Error::io("write", path, &error))?;
    flush(path)
}

/// Brings a file's content to the disk.
fn flush(path: &Path) -> Result<()> {
    let flushed = File::options().write(true).open(path).and_then(|file| file.sync_all());
    flushed.map_err(|error| Error::io("write", path, &error))
}

fn sync_folder(folder: &Path) -> Result<()> {
    files::sync_folder(folder).map_err(|error| Error::io("write", folder, &error))
}

/// JSON for people, ending in a line break.
fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| Error::bug(format!("no JSON form: {error}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}
