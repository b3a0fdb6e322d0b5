//! Files that only one process can create.

use crate::base::{Error, Result, files, json};
use serde::Serialize;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Creates a file with its whole content; false if it exists. A hard link is atomic on network file systems too; where
/// there are none, the file is created exclusively.
///
/// # Errors
/// The directory cannot be written.
pub(super) fn create_new(path: &Path, content: &impl Serialize) -> Result<bool> {
    let draft = path.with_extension(format!("draft-{}-{}", crate::engine::record::host(), std::process::id()));
    files::write_atomic(&draft, json::pretty(content)?.as_bytes())?;
    let linked = fs::hard_link(&draft, path);
    let created = match linked {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(_) => copy_new(&draft, path),
    };
    let _ = fs::remove_file(&draft);
    created
}

fn copy_new(draft: &Path, path: &Path) -> Result<bool> {
    let write = || {
        let mut file = fs::File::create_new(path)?;
        std::io::copy(&mut fs::File::open(draft)?, &mut file)?;
        file.sync_all()
    };
    match write() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("write", path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_creates_the_file_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("1.json");
        assert!(create_new(&path, &"first").unwrap());
        assert!(!create_new(&path, &"second").unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), "\"first\"");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
