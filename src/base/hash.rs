//! Digests of values and files (BLAKE3).

use crate::base::{Error, Result, files};
use serde::Serialize;
use std::path::Path;

/// Hexadecimal digits of a digest in names and manifests: 128 of BLAKE3's 256 bits, ample against accidents.
const DIGITS: usize = 32;

/// Digest of bytes, as lowercase hexadecimal.
pub fn digest_bytes(bytes: &[u8]) -> String {
    shorten(blake3::hash(bytes))
}

/// Digest of a file's content.
///
/// # Errors
/// The file cannot be read, or is not a regular file.
pub fn digest_file(path: &Path) -> Result<String> {
    let digest = || -> std::io::Result<String> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(files::open_regular(path)?)?;
        Ok(shorten(hasher.finalize()))
    };
    digest().map_err(|error| Error::io("read", path, &error))
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

fn shorten(digest: blake3::Hash) -> String {
    digest.to_hex()[..DIGITS].to_owned()
}
