//! What several tests of whole runs share.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Content of every file of the store; how an artifact came to be (`record.json`) is no part of it.
pub(crate) fn artifacts(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(directory: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let is_content = |name| name != "record.json" && name != ".verified";
            if !path.file_name().is_some_and(is_content) {
                continue;
            }
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    let (store, mut found) = (output.join("store-v1"), BTreeMap::new());
    walk(&store, &store, &mut found);
    found
}
