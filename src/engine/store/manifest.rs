//! The manifest of an artifact: its files with sizes and digests. Written last, so an artifact that has one is whole.

use super::{KEY_FILE, MANIFEST_FILE, RECORD_FILE};
use crate::base::{Error, Result, hash};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Component, Path};

/// Content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Key of the artifact, so that a folder under a wrong name does not count.
    pub key: String,
    /// The stage's files, sorted by name; without `key.json` (the key is its digest) and `record.json` (not content).
    pub files: Vec<FileEntry>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path below the artifact's folder, with `/`.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Digest of the content.
    pub blake3: String,
}

impl Manifest {
    /// Lists a folder that a stage has written.
    ///
    /// # Errors
    /// A file cannot be read, is a link, or has a name that the store itself uses.
    pub fn of_folder(folder: &Path, key: &str) -> Result<Self> {
        let mut names = Vec::new();
        list(folder, "", &mut names)?;
        names.sort_unstable();
        let files = names.into_iter().map(|name| FileEntry::of_file(folder, name)).collect::<Result<_>>()?;
        Ok(Self { key: key.to_owned(), files })
    }

    /// Reads the manifest of an artifact's folder, or says what is wrong with it.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let bytes = fs::read(folder.join(MANIFEST_FILE)).map_err(|error| format!("{MANIFEST_FILE}: {error}"))?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| format!("{MANIFEST_FILE}: {error}"))?;
        match manifest.files.iter().find(|file| !is_below(&file.name)) {
            Some(file) => Err(format!("{MANIFEST_FILE} names {}, which is no file of the artifact", file.name)),
            None => Ok(manifest),
        }
    }

    /// Compares key and sizes, or says what is wrong.
    pub(super) fn check_sizes(&self, folder: &Path, key: &str) -> Result<(), String> {
        if self.key != key {
            return Err(format!("{MANIFEST_FILE} is of the artifact {}", self.key));
        }
        for FileEntry { name, bytes, .. } in &self.files {
            let found = fs::metadata(folder.join(name)).map_err(|error| format!("{name}: {error}"))?.len();
            if found != *bytes {
                return Err(format!("{name} has {found} bytes instead of {bytes}"));
            }
        }
        Ok(())
    }

    /// Compares digests, or says what is wrong.
    pub(super) fn check_digests(&self, folder: &Path) -> Result<(), String> {
        for FileEntry { name, blake3, .. } in &self.files {
            let found = hash::digest_file(&folder.join(name)).map_err(|error| error.to_string())?;
            if found != *blake3 {
                return Err(format!("{name} is not what was written"));
            }
        }
        Ok(())
    }

    /// Size of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl FileEntry {
    fn of_file(folder: &Path, name: String) -> Result<Self> {
        let path = folder.join(&name);
        let bytes = fs::metadata(&path).map_err(|error| Error::io("read", &path, &error))?.len();
        Ok(Self { bytes, blake3: hash::digest_file(&path)?, name })
    }
}

/// Whether a name leads nowhere but into the folder; a manifest may come from elsewhere.
fn is_below(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Collects the names of all files below a folder; `prefix` is the folder's own name below the artifact's, with a `/`.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    let failed = |error| {
        let error = Error::io("list the folder", folder, &error);
        error.help("was it removed while the stage ran? run again: finished stages are kept")
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let bug = |what: &str| Error::bug(format!("a stage wrote {what}")).at(entry.path().display().to_string());
        let name = entry.file_name().into_string().map_err(|_| bug("a file name that is not UTF-8"))?;
        let name = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else if !kind.is_file() {
            return Err(bug("something that is neither a file nor a folder"));
        } else if [KEY_FILE, RECORD_FILE, MANIFEST_FILE].contains(&name.as_str()) {
            return Err(bug("a file with a name that the store itself uses"));
        } else {
            names.push(name);
        }
    }
    Ok(())
}
