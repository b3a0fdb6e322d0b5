//! Helpers shared by the tests of whole runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns how often a test repeats a random experiment: `count` times what `SIMCLR_TEST_ROUNDS` has, 1 by default.
#[allow(dead_code, clippy::expect_used, reason = "not every test repeats something, and each stops by panicking")]
pub(crate) fn repeated(count: usize) -> usize {
    let factor = std::env::var("SIMCLR_TEST_ROUNDS").ok();
    count * factor.map_or(1, |factor| factor.parse::<usize>().expect("SIMCLR_TEST_ROUNDS is a whole number"))
}

/// Returns the content of every file in the store, without the provenance of artifacts (`record.json`) and what a shared
/// store has besides artifacts.
pub(crate) fn artifacts(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(directory: &Path, root: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let other = ["record.json", ".verified", ".locks", "shared.json"];
            if path.file_name().is_none_or(|name| other.iter().any(|other| name == *other)) {
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
