//! Manifest of an artifact: its files with sizes and digests. It is written last, so an artifact with a manifest is
//! complete.

use super::{KEY_FILE, MANIFEST_FILE, RECORD_FILE};
use crate::base::files::FORM_DIRECTORY;
use crate::base::stamp::Stamp;
use crate::base::{Error, Result, files, hash};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path};

/// Maximum number of files of an artifact and of bytes of its manifest: far more than any stage writes, and cheap to
/// check.
const MAX_FILES: usize = 100_000;
const MAX_BYTES: u64 = 64 << 20;

/// Content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Key of the artifact, so that a directory under a wrong name is detected.
    pub key: String,
    /// Files of the stage, sorted by name; without `key.json`, whose digest is the key, and `record.json`, which is not
    /// content.
    pub files: Vec<FileEntry>,
}

/// File of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path relative to the artifact's directory, with `/` as separator.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// BLAKE3 digest of the content.
    pub blake3: String,
}

impl Manifest {
    /// Creates the manifest of a directory that a stage has written.
    ///
    /// # Errors
    /// A file cannot be read, is a link, or has a name reserved by the store.
    pub(crate) fn of_directory(directory: &Path, key: &str) -> Result<Self> {
        let mut names = Vec::new();
        list(directory, "", &mut names)?;
        names.sort_unstable();
        let files = names.into_par_iter().map(|name| FileEntry::of_file(directory, name)).collect::<Result<_>>()?;
        Ok(Self { key: key.to_owned(), files })
    }

    /// Reads the manifest of an artifact's directory, or returns what is wrong with it.
    pub(super) fn read(directory: &Path) -> Result<Self, String> {
        let path = directory.join(MANIFEST_FILE);
        let failed = |error: std::io::Error| format!("{MANIFEST_FILE}: {error}");
        if fs::metadata(&path).map_err(failed)?.len() > MAX_BYTES {
            return Err(format!("{MANIFEST_FILE} is larger than any stage writes"));
        }
        let bytes = files::read_bytes(&path).map_err(failed)?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| format!("{MANIFEST_FILE}: {error}"))?;
        manifest.check_names().map(|()| manifest)
    }

    /// Checks that every name stays inside the directory and is listed once, since a manifest may come from elsewhere.
    fn check_names(&self) -> Result<(), String> {
        if self.files.len() > MAX_FILES {
            return Err(format!("{MANIFEST_FILE} lists {} files, more than any stage writes", self.files.len()));
        }
        if let Some(file) = self.files.iter().find(|file| !stays_inside(&file.name)) {
            return Err(format!("{MANIFEST_FILE} lists {}, which is not a file of the artifact", file.name));
        }
        match self.files.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            Some(pair) => Err(format!("{MANIFEST_FILE} is not sorted by name at {}", pair[1].name)),
            None => Ok(()),
        }
    }

    /// Compares key and sizes, or returns what is wrong. Returns the stamps of the files, for detecting later changes.
    pub(super) fn check_sizes(&self, directory: &Path, key: &str) -> Result<Stamps, String> {
        if self.key != key {
            return Err(format!("{MANIFEST_FILE} belongs to the artifact {}", self.key));
        }
        let mut stamps = Stamps::default();
        for FileEntry { name, bytes, .. } in &self.files {
            let size = stamps.add(directory, name)?;
            if size != *bytes {
                return Err(format!("{name} has {size} bytes instead of {bytes}"));
            }
        }
        let has_record = directory.join(RECORD_FILE).exists();
        let store_files = [MANIFEST_FILE, KEY_FILE].into_iter().chain(has_record.then_some(RECORD_FILE));
        store_files.into_iter().try_for_each(|name| stamps.add(directory, name).map(|_| ()))?;
        Ok(stamps)
    }

    /// Compares digests, or returns what is wrong.
    pub(super) fn check_digests(&self, directory: &Path, key: &str) -> Result<(), String> {
        let check = |name: &str, expected: &str| match hash::digest_file(&directory.join(name)) {
            Ok(digest) if digest == expected => Ok(()),
            Ok(_) => Err(format!("{name} does not match its digest")),
            Err(error) => Err(error.to_string()),
        };
        check(KEY_FILE, key).map_err(|_| format!("{KEY_FILE} does not match the key"))?;
        let results: Vec<Result<(), String>> =
            self.files.par_iter().map(|FileEntry { name, blake3, .. }| check(name, blake3)).collect();
        results.into_iter().collect()
    }

    /// Returns the digest of the content: of the names, sizes and digests of the stage's files, except those in the
    /// directory `form`. Artifacts with equal digests are interchangeable for the stages that read them.
    pub fn content(&self) -> String {
        let mut text = String::new();
        let is_form = |name: &str| name.split_once('/').is_some_and(|(directory, _)| directory == FORM_DIRECTORY);
        for FileEntry { name, bytes, blake3 } in self.files.iter().filter(|file| !is_form(&file.name)) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}\0{bytes}\0{blake3}");
        }
        hash::digest_bytes(text.as_bytes())
    }

    /// Returns the total size of the files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl FileEntry {
    fn of_file(directory: &Path, name: String) -> Result<Self> {
        let path = directory.join(&name);
        let bytes = fs::metadata(&path).map_err(|error| Error::io("read", &path, &error))?.len();
        Ok(Self { bytes, blake3: hash::digest_file(&path)?, name })
    }
}

/// Stamps of an artifact's files (inode, size, times), for detecting changes without reading the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<Stamp>);

impl Stamps {
    /// Adds a file and returns its size.
    fn add(&mut self, directory: &Path, name: &str) -> Result<u64, String> {
        let metadata = fs::metadata(directory.join(name)).map_err(|error| format!("{name}: {error}"))?;
        if !metadata.is_file() {
            return Err(format!("{name} is not a regular file"));
        }
        self.0.push(Stamp::of(&metadata));
        Ok(metadata.len())
    }

    /// Whether no file was written or replaced since the earlier stamps were taken.
    pub(super) fn is_written_as(&self, earlier: &Self) -> bool {
        let written = |stamps: &Self| -> Vec<(u64, u64, u64)> {
            stamps.0.iter().map(|stamp| (stamp.inode, stamp.size, stamp.modified)).collect()
        };
        written(self) == written(earlier)
    }

    /// Returns one digest of all stamps.
    pub(super) fn digest(&self) -> String {
        hash::digest_bytes(format!("{:?}", self.0).as_bytes())
    }

    /// Whether the last change was long enough ago that a further change would alter the stamps.
    pub(super) fn is_settled(&self) -> bool {
        self.0.iter().all(Stamp::is_settled)
    }
}

/// Whether a name stays inside the directory.
fn stays_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Collects the names of all files in a directory, recursively; `prefix` is its path relative to the artifact, ending
/// in `/`.
fn list(directory: &Path, prefix: &str, names: &mut Vec<String>) -> Result<()> {
    let failed = |error| {
        let error = Error::io("list the directory", directory, &error);
        error.help("was it removed while the stage ran? run again: finished stages are kept")
    };
    for path in files::entries(directory).map_err(failed)? {
        let bug = |what: &str| Error::bug(format!("a stage wrote {what}")).at(path.display().to_string());
        let name = path.file_name().and_then(|name| name.to_str());
        let name = format!("{prefix}{}", name.ok_or_else(|| bug("a file name that is not UTF-8"))?);
        let kind = fs::symlink_metadata(&path).map_err(failed)?;
        if kind.is_dir() {
            list(&path, &format!("{name}/"), names)?;
        } else if !kind.is_file() {
            return Err(bug("something that is neither a file nor a directory"));
        } else if [KEY_FILE, RECORD_FILE, MANIFEST_FILE].contains(&name.as_str()) {
            return Err(bug("a file with a name reserved by the store"));
        } else {
            names.push(name);
        }
    }
    Ok(())
}
