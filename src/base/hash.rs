//! BLAKE3 digests of values and files.

use crate::base::{Error, Result, files};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

/// Hexadecimal digits of a digest in names and manifests: 128 of BLAKE3's 256 bits, ample against accidents.
const DIGITS: usize = 2 * BYTES;
/// Bytes of a digest.
const BYTES: usize = 16;

/// A digest in binary form, for lists with one per image; its text and its order are those of the hexadecimal form.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; BYTES]);

impl Digest {
    /// Returns the digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::shorten(blake3::hash(bytes))
    }

    fn shorten(digest: blake3::Hash) -> Self {
        Self(std::array::from_fn(|byte| digest.as_bytes()[byte]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let byte = |at: usize| text.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        let bytes: Option<Vec<u8>> = (0..BYTES).map(byte).collect();
        let bytes = bytes.filter(|_| is_digest(text)).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| format!("`{text}` is not a digest"))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Returns the digest of bytes, as lowercase hexadecimal.
pub fn digest_bytes(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// Bytes of a large file that are read at once and hashed by all threads.
const BLOCK: usize = 4 << 20;

/// Returns the digest of a file's content; large files are hashed by all threads. The file is read, never mapped: if a
/// mapped file is truncated, the process dies of SIGBUS.
///
/// # Errors
/// The file cannot be read.
pub fn digest_file(path: &Path) -> Result<String> {
    digest_file_io(path).map(|digest| digest.to_string()).map_err(|error| Error::io("read", path, &error))
}

/// Same as [`digest_file`], with the system's error.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn digest_file_io(path: &Path) -> io::Result<Digest> {
    let mut file = files::open_regular(path)?;
    let mut hasher = blake3::Hasher::new();
    if file.metadata()?.len() <= BLOCK as u64 {
        hasher.update_reader(file)?;
        return Ok(Digest::shorten(hasher.finalize()));
    }
    let mut block = Vec::with_capacity(BLOCK);
    while file.by_ref().take(BLOCK as u64).read_to_end(&mut block)? > 0 {
        hasher.update_rayon(&block);
        block.clear();
    }
    Ok(Digest::shorten(hasher.finalize()))
}

/// Returns the digest of a value's canonical JSON: object keys sorted, no spaces.
///
/// # Errors
/// The value cannot be written as JSON, which is a bug.
pub fn digest_json(value: &impl Serialize) -> Result<String> {
    Ok(digest_bytes(canonical_json(value)?.as_bytes()))
}

/// Returns what [`digest_json`] returns for the list of these values, without the list's JSON in memory.
///
/// # Errors
/// A value cannot be written as JSON, which is a bug.
pub(crate) fn digest_list<T: Serialize>(values: impl IntoIterator<Item = T>) -> Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"[");
    for (number, value) in values.into_iter().enumerate() {
        if number > 0 {
            hasher.update(b",");
        }
        hasher.update(canonical_json(&value)?.as_bytes());
    }
    hasher.update(b"]");
    Ok(Digest::shorten(hasher.finalize()).to_string())
}

/// Serializes a value as JSON with sorted object keys and no spaces, so that equal values give equal text.
///
/// # Errors
/// The value cannot be written as JSON, which is a bug.
pub fn canonical_json(value: &impl Serialize) -> Result<String> {
    // serde_json's map is a BTreeMap unless its `preserve_order` feature is on, so going through `Value` sorts.
    serde_json::to_value(value)
        .and_then(|value| serde_json::to_string(&value))
        .map_err(|error| Error::bug(format!("a value cannot be written as JSON: {error}")))
}

/// Returns whether a text is a digest as these functions write it.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns the first 12 characters of a digest, for display; enough to be unique within a project.
pub fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
