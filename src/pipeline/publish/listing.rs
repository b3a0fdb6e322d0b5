//! What a published report consists of, so that one that is no longer whole is noticed.

use crate::base::{Error, Result, files, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file that says which report a published one is, and what belongs to it.
const LISTING: &str = ".key";

/// The files of a published report.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listing {
    /// Key of the report.
    key: String,
    /// Digest of each file, by its path in the directory.
    files: BTreeMap<String, String>,
}

/// What is in the place of a published report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The report that is to be there.
    Whole,
    /// Nothing, or another report.
    Other,
    /// The report that is to be there, but not all of it, and what is wrong.
    Damaged(String),
}

impl Listing {
    /// Of a report that is being published.
    pub(super) fn new(key: &str) -> Self {
        Self { key: key.to_owned(), files: BTreeMap::new() }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: String, content: &[u8]) {
        self.files.insert(name, hash::digest_bytes(content));
    }

    /// Name and content of the file that holds it.
    pub(super) fn file(&self) -> Result<(&'static str, Vec<u8>)> {
        let text = serde_json::to_vec_pretty(self);
        let text = text.map_err(|error| Error::bug(format!("the list of files has no JSON form: {error}")))?;
        Ok((LISTING, text))
    }
}

/// Whether a directory holds a published report, all of it. Every file is read, since a power cut or a copy that broke off
/// leaves files of the right name with other content; a report is a few megabytes.
pub(super) fn state(directory: &Path, key: &str) -> State {
    let Ok(text) = files::read(&directory.join(LISTING)) else { return State::Other };
    let listing: Listing = match serde_json::from_slice(&text) {
        Ok(listing) => listing,
        // Earlier versions wrote the key alone.
        Err(_) if hash::is_digest(&String::from_utf8_lossy(&text)) => return State::Other,
        Err(_) => return State::Damaged(format!("{LISTING} is not whole")),
    };
    if listing.key != key {
        return State::Other;
    }
    let flaw = |(name, digest): (&String, &String)| match hash::digest_file(&directory.join(name)) {
        Ok(found) if found == *digest => None,
        Ok(_) => Some(format!("{name} is not what was written")),
        Err(_) => Some(format!("{name} is missing or cannot be read")),
    };
    listing.files.iter().find_map(flaw).map_or(State::Whole, State::Damaged)
}
