//! A memo of file digests, kept on disk, so that unchanged data is not read again.

use crate::base::hash::{self, Digest};
use crate::base::stamp::Stamp;
use crate::base::{Result, files};
use crate::dataset::names::Names;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Version of the format and of the meaning of a [`FileDigest`].
const VERSION: u32 = 3;

/// The digest of a file, valid while its stamp is unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileDigest {
    stamp: Stamp,
    /// Digest of the content.
    pub(super) digest: Digest,
}

#[derive(Default, Serialize, Deserialize)]
struct MemoFile {
    // First, since `base::own_output` recognizes the file by it.
    directories: BTreeMap<String, DirectoryDigests>,
    version: u32,
}

/// The digests of the files of a directory, sorted by name.
#[derive(Default, Serialize, Deserialize)]
struct DirectoryDigests {
    names: Names,
    digests: Vec<Digest>,
    /// Inode, size and times of each file as in its [`Stamp`].
    stamps: Vec<[u64; 4]>,
}

/// Digests of files, remembered from earlier runs.
pub(super) struct Memo {
    path: PathBuf,
    memo: MemoFile,
}

impl Memo {
    /// Reads the memo; it is empty if the file is missing, damaged or of another version.
    pub(super) fn open(path: &Path) -> Self {
        let read = || serde_json::from_reader::<_, MemoFile>(files::open_buffered(path).ok()?).ok();
        let memo = read().filter(MemoFile::is_valid).unwrap_or_default();
        Self { path: path.to_owned(), memo }
    }

    /// Returns the digest of a file, from the memo or by reading the file. A remembered digest is not used if this
    /// process may not read the file, even if a run of another user remembered it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn digest_of(&self, path: &Path) -> io::Result<FileDigest> {
        let stamp = Stamp::of(&fs::metadata(path)?);
        match self.remembered(path) {
            Some(remembered) if remembered.stamp == stamp && files::is_readable(path) => Ok(remembered),
            _ => Ok(FileDigest { digest: hash::digest_file_io(path)?, stamp }),
        }
    }

    fn remembered(&self, path: &Path) -> Option<FileDigest> {
        let (directory, name) = divided(path)?;
        self.memo.directories.get(directory)?.get(name)
    }

    /// Adds digests of files whose stamps are settled, and writes the memo if it changed.
    ///
    /// # Errors
    /// The memo cannot be written.
    pub(super) fn remember(mut self, files: impl IntoIterator<Item = (PathBuf, FileDigest)>) -> Result<()> {
        let (mut new, mut is_changed) = (BTreeMap::<String, DirectoryDigests>::new(), false);
        for (path, digest) in files {
            // JSON has no form for names that are not UTF-8.
            let Some((directory, name)) = divided(&path).filter(|_| digest.stamp.is_settled()) else { continue };
            is_changed |= self.remembered(&path).as_ref() != Some(&digest);
            match new.get_mut(directory) {
                Some(of_directory) => of_directory.push(name, &digest),
                None => new.entry(directory.to_owned()).or_default().push(name, &digest),
            }
        }
        if !is_changed {
            return Ok(());
        }
        for (directory, new) in new {
            let old = self.memo.directories.remove(&directory).unwrap_or_default();
            self.memo.directories.insert(directory, new.sorted().and(&old));
        }
        self.memo.version = VERSION;
        if let Some(directory) = self.path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            files::create_directory(directory)?;
        }
        files::write_atomic_with(&self.path, |file| Ok(serde_json::to_writer(file, &self.memo)?))
    }
}

impl MemoFile {
    fn is_valid(&self) -> bool {
        let has_lists = |of: &DirectoryDigests| [of.digests.len(), of.stamps.len()] == [of.names.len(); 2];
        self.version == VERSION && self.directories.values().all(has_lists)
    }
}

impl DirectoryDigests {
    fn push(&mut self, name: &str, FileDigest { stamp, digest }: &FileDigest) {
        self.names.push(name);
        self.digests.push(*digest);
        self.stamps.push([stamp.inode, stamp.size, stamp.modified, stamp.changed]);
    }

    fn at(&self, position: usize) -> FileDigest {
        let [inode, size, modified, changed] = self.stamps[position];
        FileDigest { stamp: Stamp { inode, size, modified, changed }, digest: self.digests[position] }
    }

    /// Returns the digest of a file by binary search.
    fn get(&self, name: &str) -> Option<FileDigest> {
        let (mut start, mut end) = (0, self.names.len());
        while start < end {
            let middle = start.midpoint(end);
            match self.names.file(middle).cmp(name) {
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Equal => return Some(self.at(middle)),
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    /// Sorts the files by name; of those with the same name, only the first is kept.
    fn sorted(self) -> Self {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order.sort_by(|a, b| self.names.file(*a).cmp(self.names.file(*b)));
        order.dedup_by(|a, b| self.names.file(*a) == self.names.file(*b));
        let mut sorted = Self::default();
        order.into_iter().for_each(|position| sorted.push(self.names.file(position), &self.at(position)));
        sorted
    }

    /// Adds the files of an older list that are not in this sorted one.
    fn and(mut self, old: &Self) -> Self {
        let missing: Vec<usize> =
            (0..old.names.len()).filter(|position| self.get(old.names.file(*position)).is_none()).collect();
        if missing.is_empty() {
            return self;
        }
        missing.into_iter().for_each(|position| self.push(old.names.file(position), &old.at(position)));
        self.sorted()
    }
}

/// Divides a path into its directory and the name of the file; `None` if it is not UTF-8.
fn divided(path: &Path) -> Option<(&str, &str)> {
    Some((path.parent()?.to_str()?, path.file_name()?.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::{Duration, SystemTime};

    #[test]
    fn digests_are_remembered_while_files_are_unchanged() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("memo.json");
        let names = ["b/2", "b/1", "a/3", "b/4"];
        let files: Vec<PathBuf> = names.iter().map(|name| root.path().join(name)).collect();
        let old = SystemTime::now() - Duration::from_secs(100);
        for file in &files {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, file.display().to_string()).unwrap();
            File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
        }
        // Stamps whose files could change within the resolution of their times are not remembered, so wait for that.
        std::thread::sleep(Duration::from_millis(2_100));
        let digest = |memo: &Memo, file: &PathBuf| (file.clone(), memo.digest_of(file).unwrap());
        let remember = |files: &[PathBuf]| {
            let memo = Memo::open(&path);
            let digests: Vec<_> = files.iter().map(|file| digest(&memo, file)).collect();
            memo.remember(digests).unwrap();
        };
        remember(&files[..2]);
        remember(&files);
        remember(&files[3..]);
        let memo = Memo::open(&path);
        for file in &files {
            assert_eq!(memo.remembered(file), Some(digest(&memo, file).1), "{}", file.display());
        }
        fs::rename(&path, root.path().join("digests.json")).unwrap();
        assert!(crate::base::own_output::is_own_output(root.path()));
        assert_eq!(memo.remembered(&root.path().join("b/3")), None);
        fs::write(&files[0], "changed").unwrap();
        assert_eq!(memo.digest_of(&files[0]).unwrap().digest, Digest::of(b"changed"));
        for damaged in
            ["", "{}", "{\"version\":3,\"directories\":{\"b\":{\"names\":[\"1\"],\"digests\":[],\"stamps\":[]}}}"]
        {
            fs::write(&path, damaged).unwrap();
            assert!(Memo::open(&path).memo.directories.is_empty(), "{damaged}");
        }
    }
}
