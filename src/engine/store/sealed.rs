//! `record.json` with a digest of itself. The record is not content, so the manifest does not list it: the bytes of a
//! manifest are the same wherever and whenever the artifact is computed.

use super::RECORD_FILE;
use crate::base::{Error, Result, files, hash};
use crate::engine::ArtifactRecord;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// Field with the digest of the canonical JSON of all other fields.
const SEAL: &str = "blake3";
/// Field that all records with a seal have and older ones do not.
const SEALED: &str = "inputs";

/// Adds the digest to a record.
pub(super) fn seal(record: &ArtifactRecord) -> Result<Value> {
    let failed = |error| Error::bug(format!("cannot serialize a record: {error}"));
    let mut value = serde_json::to_value(record).map_err(failed)?;
    // Numbers can change in their last digit when read back, so the digest is computed from the parsed text.
    let read: Value = serde_json::from_str(&value.to_string()).map_err(failed)?;
    value[SEAL] = Value::String(hash::digest_json(&read)?);
    Ok(value)
}

/// Parses a record and checks its digest, or returns what is wrong with it.
pub(super) fn open(bytes: &[u8]) -> Result<ArtifactRecord, String> {
    let unexpected = |error| format!("{RECORD_FILE} has an unexpected format: {error}");
    let mut value: Value = serde_json::from_slice(bytes).map_err(unexpected)?;
    let fields = value.as_object_mut().ok_or_else(|| format!("{RECORD_FILE} is not an object"))?;
    let seal = fields.remove(SEAL);
    if seal.is_some() || fields.contains_key(SEALED) {
        let digest = hash::digest_json(&value).map_err(|error| error.to_string())?;
        if seal != Some(Value::String(digest)) {
            return Err(format!("{RECORD_FILE} does not match its digest"));
        }
    }
    serde_json::from_value(value).map_err(unexpected)
}

/// Checks the record of an artifact, which may be missing, or returns what is wrong with it.
pub(super) fn check(directory: &Path) -> Result<(), String> {
    match files::read_bytes(&directory.join(RECORD_FILE)) {
        Ok(bytes) => open(&bytes).map(|_| ()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{RECORD_FILE}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StageSummary;
    use std::collections::BTreeMap;

    fn summary() -> StageSummary {
        StageSummary::default().number("loss", 2.3)
    }

    #[test]
    fn every_flipped_bit_is_detected_or_changes_only_whitespace() {
        let record = ArtifactRecord {
            inputs: BTreeMap::from([("split".to_owned(), "0123".to_owned())]),
            work: Some(1.5e9),
            ..ArtifactRecord::new("pretrain.main", "2026-04-14T09:03:00Z".into(), 0.1, summary())
        };
        let bytes = serde_json::to_vec_pretty(&seal(&record).unwrap()).unwrap();
        assert_eq!(open(&bytes).unwrap(), record);
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                open(&flipped).is_err_and(|what| what.contains(RECORD_FILE)) || open(&flipped) == Ok(record.clone())
            );
        }
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_seal() {
        let record = ArtifactRecord::new("pretrain.main", "2026-04-14T09:03:00Z".into(), 0.1, summary());
        let mut value = serde_json::to_value(&record).unwrap();
        value.as_object_mut().unwrap().remove(SEALED);
        assert_eq!(open(value.to_string().as_bytes()).unwrap(), record);
        assert!(open(b"[]").is_err() && open(b"{").is_err());
    }
}
