//! Pipeline files in a temporary directory.

use simclr::document::Diagnostics;
use simclr::pipeline::{LoadedStudy, load};
use std::path::{Path, PathBuf};

/// A temporary directory, deleted when dropped.
pub(crate) struct Directory(tempfile::TempDir);

impl Directory {
    /// Creates a directory with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        files.iter().for_each(|(name, text)| directory.write(name, text.as_bytes()));
        directory
    }

    /// Writes a file and creates its parent directories.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// Loads a file, which must be valid.
    pub(crate) fn load(&self, name: &str, overrides: &[&str]) -> LoadedStudy {
        self.try_load(name, overrides).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Loads a file, which must be invalid.
    pub(crate) fn errors(&self, name: &str, overrides: &[&str]) -> Diagnostics {
        self.try_load(name, overrides).expect_err("the file was accepted")
    }

    fn try_load(&self, name: &str, overrides: &[&str]) -> Result<LoadedStudy, Diagnostics> {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        load(&self.path(name), &overrides)
    }

    /// Returns the only error as `file:line:column: message`, with the file relative to the directory.
    pub(crate) fn error(&self, name: &str, overrides: &[&str]) -> String {
        let errors = self.errors(name, overrides);
        let [error] = errors.iter().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{errors}"));
        let here = format!("{}/", self.root().display());
        format!("{}: {}", error.location, error.message).replace(&here, "")
    }
}
