//! Digests of values and files (BLAKE3).

use crate::base::{Error, Result, files};
use serde::Serialize;
use std::io::{self, Read};
use std::path::Path;

/// Hexadecimal digits of a digest in names and manifests: 128 of BLAKE3's 256 bits, ample against accidents.
const DIGITS: usize = 32;

/// Digest of bytes, as lowercase hexadecimal.
pub fn digest_bytes(bytes: &[u8]) -> String {
    shorten(blake3::hash(bytes))
}

/// Bytes of a large file that are read at once and digested by all threads.
const BLOCK: usize = 4 << 20;

/// Digest of a file's content; of a large one by all threads. It is read, never mapped: a mapped file that gets shorter
/// meanwhile ends the process.
///
/// # Errors
/// The file cannot be read.
pub fn digest_file(path: &Path) -> Result<String> {
    digest_file_io(path).map_err(|error| Error::io("read", path, &error))
}

/// As [`digest_file`], for those who ask why it cannot be read.
///
/// # Errors
/// The file cannot be read.
pub fn digest_file_io(path: &Path) -> io::Result<String> {
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

/// Digest of a value's canonical JSON: object keys sorted, no spaces.
///
/// # Errors
/// The value cannot be written as JSON, which is a bug.
pub fn digest_json(value: &impl Serialize) -> Result<String> {
    Ok(digest_bytes(canonical_json(value)?.as_bytes()))
}

/// JSON with sorted object keys and no spaces, so that equal values give equal text.
///
/// # Errors
/// The value cannot be written as JSON, which is a bug.
pub fn canonical_json(value: &impl Serialize) -> Result<String> {
    // serde_json's map is a BTreeMap unless its `preserve_order` feature is on, so going through `Value` sorts.
    let value = serde_json::to_value(value).map_err(|error| Error::bug(format!("value has no JSON form: {error}")))?;
    Ok(value.to_string())
}

/// Whether a text is a digest as these functions write it.
pub fn is_digest(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The beginning of a digest, for people: enough that no two of a project are taken for each other.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn shorten(digest: blake3::Hash) -> String {
    digest.to_hex()[..DIGITS].to_owned()
}
