//! The files of a published report with their digests, so that damage is detected.

use crate::base::{Result, files, hash, json};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file with the key of a published report and its files.
const LISTING: &str = ".key";

/// The files of a published report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    /// Key of the report.
    key: String,
    /// Digest of each file, by its path in the directory.
    files: BTreeMap<String, String>,
}

/// PublishedState of the directory of a published report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublishedState {
    /// It holds the expected report, complete.
    Complete,
    /// It is missing or holds another report.
    Other,
    /// It holds the expected report with this damage.
    Damaged(String),
}

impl Listing {
    /// Creates the listing of a report that is being published.
    pub(super) fn new(key: &str) -> Self {
        Self { key: key.to_owned(), files: BTreeMap::new() }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: String, content: &[u8]) {
        self.files.insert(name, hash::digest_bytes(content));
    }

    /// Returns the name and the content of its file.
    pub(super) fn file(&self) -> Result<(&'static str, Vec<u8>)> {
        Ok((LISTING, json::pretty(self)?.into_bytes()))
    }
}

/// Compares a directory with its listing. Every file is read, since a power failure or an interrupted copy can leave
/// files with the right names and the wrong content; a report is a few megabytes.
pub(super) fn state(directory: &Path, key: &str) -> PublishedState {
    let Ok(text) = files::read(&directory.join(LISTING)) else { return PublishedState::Other };
    let listing: Listing = match serde_json::from_slice(&text) {
        Ok(listing) => listing,
        // Earlier versions wrote only the key.
        Err(_) if hash::is_digest(&String::from_utf8_lossy(&text)) => return PublishedState::Other,
        Err(_) => return PublishedState::Damaged(format!("{LISTING} is incomplete")),
    };
    if listing.key != key {
        return PublishedState::Other;
    }
    let flaw = |(name, digest): (&String, &String)| match hash::digest_file(&directory.join(name)) {
        Ok(found) if found == *digest => None,
        Ok(_) => Some(format!("{name} has changed")),
        Err(_) => Some(format!("{name} is missing or cannot be read")),
    };
    listing.files.iter().find_map(flaw).map_or(PublishedState::Complete, PublishedState::Damaged)
}
