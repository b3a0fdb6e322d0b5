//! BLAKE3 digests of values and files.

use crate::base::{Error, Result, files};
use serde::Serialize;
use std::io::{self, Read};
use std::path::Path;

/// Hexadecimal digits of a digest in names and manifests: 128 of BLAKE3's 256 bits, ample against accidents.
const DIGITS: usize = 32;

/// Returns the digest of bytes, as lowercase hexadecimal.
pub fn digest_bytes(bytes: &[u8]) -> String {
    shorten(blake3::hash(bytes))
}

/// Bytes of a large file that are read at once and hashed by all threads.
const BLOCK: usize = 4 << 20;

/// Returns the digest of a file's content; large files are hashed by all threads. The file is read, never mapped: if a
/// mapped file is truncated, the process dies of SIGBUS.
///
/// # Errors
/// The file cannot be read.
pub fn digest_file(path: &Path) -> Result<String> {
    digest_file_io(path).map_err(|error| Error::io("read", path, &error))
}

/// Same as [`digest_file`], with the system's error.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn digest_file_io(path: &Path) -> io::Result<String> {
    let mut file = files::open_regular(path)?;
    let mut hasher = blake3::Hasher::new();
    if file.metadata()?.len() <= BLOCK as u64 {
        hasher.update_reader(file)?;
        return Ok(shorten(hasher.finalize()));
    }
    let mut block = Vec::with_capacity(BLOCK);
    while file.by_ref().take(BLOCK as u64).read_to_end(&mut block)? > 0 {
        hasher.update_rayon(&block);
        block.clear();
    }
    Ok(shorten(hasher.finalize()))
}

/// Returns the digest of a value's canonical JSON: object keys sorted, no spaces.
///
/// # Errors
/// The value cannot be written as JSON, which is a bug.
pub fn digest_json(value: &impl Serialize) -> Result<String> {
    Ok(digest_bytes(canonical_json(value)?.as_bytes()))
}

/// Serializes a value as JSON with sorted object keys and no spaces, so that equal values give equal text.
///
/// # Errors
/// The value cannot be written as JSON, which is a bug.
pub fn canonical_json(value: &impl Serialize) -> Result<String> {
    // serde_json's map is a BTreeMap unless its `preserve_order` feature is on, so going through `Value` sorts.
    let value = serde_json::to_value(value)
        .map_err(|error| Error::bug(format!("a value cannot be written as JSON: {error}")))?;
    Ok(value.to_string())
}

/// Returns whether a text is a digest as these functions write it.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the first 12 characters of a digest, for display; enough to be unique within a project.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn shorten(digest: blake3::Hash) -> String {
    digest.to_hex()[..DIGITS].to_owned()
}
