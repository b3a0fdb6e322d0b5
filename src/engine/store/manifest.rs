//! The manifest of an artifact: its files with sizes and digests. Written last, so an artifact that has one is whole.

use super::{KEY_FILE, MANIFEST_FILE, RECORD_FILE};
use crate::base::stamp::Stamp;
use crate::base::{Error, Result, files, hash};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs;
use std::path::{Component, Path};

/// Most files of an artifact, and most bytes of its manifest: far above any stage's, and little work to refuse.
const MOST_FILES: usize = 100_000;
const MOST_BYTES: u64 = 64 << 20;

/// Content of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Key of the artifact, so that a directory under a wrong name does not count.
    pub key: String,
    /// The stage's files, sorted by name; without `key.json` (the key is its digest) and `record.json` (not content).
    pub files: Vec<FileEntry>,
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Path below the artifact's directory, with `/`.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Digest of the content.
    pub blake3: String,
}

impl Manifest {
    /// Lists a directory that a stage has written.
    ///
    /// # Errors
    /// A file cannot be read, is a link, or has a name that the store itself uses.
    pub fn of_directory(directory: &Path, key: &str) -> Result<Self> {
        let mut names = Vec::new();
        list(directory, "", &mut names)?;
        names.sort_unstable();
        let files = names.into_par_iter().map(|name| FileEntry::of_file(directory, name)).collect::<Result<_>>()?;
        Ok(Self { key: key.to_owned(), files })
    }

    /// Reads the manifest of an artifact's directory, or says what is wrong with it.
    pub(super) fn read(directory: &Path) -> Result<Self, String> {
        let path = directory.join(MANIFEST_FILE);
        let failed = |error: std::io::Error| format!("{MANIFEST_FILE}: {error}");
        if fs::metadata(&path).map_err(failed)?.len() > MOST_BYTES {
            return Err(format!("{MANIFEST_FILE} is larger than any that is written"));
        }
        let bytes = files::read_bytes(&path).map_err(failed)?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| format!("{MANIFEST_FILE}: {error}"))?;
        manifest.check_names().map(|()| manifest)
    }

    /// A manifest may come from elsewhere: names lead nowhere but into the directory, and each is there once.
    fn check_names(&self) -> Result<(), String> {
        if self.files.len() > MOST_FILES {
            return Err(format!("{MANIFEST_FILE} lists {} files, more than any stage writes", self.files.len()));
        }
        if let Some(file) = self.files.iter().find(|file| !is_below(&file.name)) {
            return Err(format!("{MANIFEST_FILE} names {}, which is no file of the artifact", file.name));
        }
        match self.files.windows(2).find(|pair| pair[0].name >= pair[1].name) {
            Some(pair) => Err(format!("{MANIFEST_FILE} is not sorted by name at {}", pair[1].name)),
            None => Ok(()),
        }
    }

    /// Compares key and sizes, or says what is wrong. Returns what tells a changed file from an unchanged one.
    pub(super) fn check_sizes(&self, directory: &Path, key: &str) -> Result<Stamps, String> {
        if self.key != key {
            return Err(format!("{MANIFEST_FILE} is of the artifact {}", self.key));
        }
        let mut stamps = Stamps::default();
        for FileEntry { name, bytes, .. } in &self.files {
            let found = stamps.add(directory, name)?;
            if found != *bytes {
                return Err(format!("{name} has {found} bytes instead of {bytes}"));
            }
        }
        let has_record = directory.join(RECORD_FILE).exists();
        let own = [MANIFEST_FILE, KEY_FILE].into_iter().chain(has_record.then_some(RECORD_FILE));
        own.into_iter().try_for_each(|name| stamps.add(directory, name).map(|_| ()))?;
        Ok(stamps)
    }

    /// Compares digests, or says what is wrong.
    pub(super) fn check_digests(&self, directory: &Path, key: &str) -> Result<(), String> {
        let check = |name: &str, expected: &str| match hash::digest_file(&directory.join(name)) {
            Ok(found) if found == expected => Ok(()),
            Ok(_) => Err(format!("{name} is not what was written")),
            Err(error) => Err(error.to_string()),
        };
        check(KEY_FILE, key).map_err(|_| format!("{KEY_FILE} is not what the key is a digest of"))?;
        let found: Vec<Result<(), String>> =
            self.files.par_iter().map(|FileEntry { name, blake3, .. }| check(name, blake3)).collect();
        found.into_iter().collect()
    }

    /// Digest of the content: of names, sizes and digests of the stage's files. Two artifacts with the same one are the
    /// same to whoever reads them.
    pub fn content(&self) -> String {
        let mut text = String::new();
        for FileEntry { name, bytes, blake3 } in &self.files {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name}\0{bytes}\0{blake3}");
        }
        hash::digest_bytes(text.as_bytes())
    }

    /// Size of all files.
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

/// What tells whether an artifact's files are the ones that were looked at before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<Stamp>);

impl Stamps {
    /// Adds a file, and returns its size.
    fn add(&mut self, directory: &Path, name: &str) -> Result<u64, String> {
        let found = fs::metadata(directory.join(name)).map_err(|error| format!("{name}: {error}"))?;
        if !found.is_file() {
            return Err(format!("{name} is not a regular file"));
        }
        self.0.push(Stamp::of(&found));
        Ok(found.len())
    }

    /// Whether no file was written or replaced since the other stamps were taken.
    pub(super) fn is_written_as(&self, earlier: &Self) -> bool {
        let written = |stamps: &Self| -> Vec<(u64, u64, u64)> {
            stamps.0.iter().map(|stamp| (stamp.inode, stamp.size, stamp.modified)).collect()
        };
        written(self) == written(earlier)
    }

    /// One digest for all.
    pub(super) fn digest(&self) -> String {
        hash::digest_bytes(format!("{:?}", self.0).as_bytes())
    }

    /// Whether the last change was long enough ago for another one to show.
    pub(super) fn is_settled(&self) -> bool {
        self.0.iter().all(Stamp::is_settled)
    }
}

/// Whether a name leads nowhere but into the directory; a manifest may come from elsewhere.
fn is_below(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Collects the names of all files below a directory; `prefix` is the directory's own name below the artifact's, with a `/`.
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
            return Err(bug("a file with a name that the store itself uses"));
        } else {
            names.push(name);
        }
    }
    Ok(())
}
