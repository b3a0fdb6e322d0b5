//! Files to which a run appends whole records.

use crate::base::{Error, Result, files};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// File to which records are appended, each with one write, so that a kill of the process loses none. A record that
/// does not fit on the disk is removed again, so that the file ends with a whole record and the next can be appended.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    file: Option<File>,
    /// Length of the records written, bytes.
    length: u64,
}

impl RecordFile {
    /// Returns a writer of a file, which is created with the first record.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None, length: 0 }
    }

    /// Creates the file and its directory, unless it is open.
    ///
    /// # Errors
    /// The file exists, or the directory cannot be written.
    pub(super) fn open(&mut self) -> Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => create(&self.path)?,
        };
        Ok(self.file.insert(file))
    }

    /// Appends a record.
    ///
    /// # Errors
    /// The file cannot be created or written; earlier records are kept.
    pub(super) fn append(&mut self, record: &[u8]) -> Result<()> {
        let length = self.length;
        let file = self.open()?;
        if let Err(error) = file.write_all(record) {
            // If this fails too, readers find the partial record at the end.
            let _ = file.set_len(length);
            return Err(Error::io("write", &self.path, &error));
        }
        self.length += record.len() as u64;
        Ok(())
    }
}

fn create(path: &Path) -> Result<File> {
    path.parent().map_or(Ok(()), files::create_directory)?;
    let created = OpenOptions::new().append(true).create_new(true).open(path);
    created.map_err(|error| Error::io("write", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_on_the_disk_at_once_and_the_directory_is_created() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/file");
        let mut file = RecordFile::new(path.clone());
        assert!(!path.exists());
        for (record, content) in [("one\n", "one\n"), ("two\n", "one\ntwo\n")] {
            file.append(record.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        assert!(RecordFile::new(path).append(b"other").is_err(), "another writer's file is left alone");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_each_time() {
        let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut file = RecordFile { path: "/dev/full".into(), file: Some(full), length: 0 };
        for _ in 0..2 {
            assert!(file.append(b"record").unwrap_err().to_string().contains("No space left"));
        }
    }
}
