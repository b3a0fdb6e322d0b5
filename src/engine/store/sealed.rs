//! `record.json` with a digest of itself. It is no part of the content, so the manifest does not have its digest: the
//! bytes of a manifest are the same wherever and whenever the artifact is computed.

use super::RECORD_FILE;
use crate::base::{Error, Result, files, hash};
use crate::engine::Record;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::Path;

/// Field with the digest of the canonical JSON of all others.
const SEAL: &str = "blake3";
/// A field that no record before the first with a seal has.
const SEALED: &str = "inputs";

/// A record as it is written.
pub(super) fn seal(record: &Record) -> Result<Value> {
    let no_form = |error| Error::bug(format!("a record has no JSON form: {error}"));
    let mut value = serde_json::to_value(record).map_err(no_form)?;
    // Numbers that are read back can differ in their last digit, so the digest is that of what is read.
    let read: Value = serde_json::from_str(&value.to_string()).map_err(no_form)?;
    value[SEAL] = Value::String(hash::digest_json(&read)?);
    Ok(value)
}

/// The record of a file's content, or what is wrong with it.
pub(super) fn open(bytes: &[u8]) -> Result<Record, String> {
    let not_ours = |error| format!("{RECORD_FILE} is not what this version writes: {error}");
    let mut value: Value = serde_json::from_slice(bytes).map_err(not_ours)?;
    let fields = value.as_object_mut().ok_or_else(|| format!("{RECORD_FILE} is not an object"))?;
    let seal = fields.remove(SEAL);
    if seal.is_some() || fields.contains_key(SEALED) {
        let digest = hash::digest_json(&value).map_err(|error| error.to_string())?;
        if seal != Some(Value::String(digest)) {
            return Err(format!("{RECORD_FILE} is not what was written"));
        }
    }
    serde_json::from_value(value).map_err(not_ours)
}

/// Whether an artifact's record is what was written, or there is none; or what is wrong.
pub(super) fn check(place: &Path) -> Result<(), String> {
    match files::read_bytes(&place.join(RECORD_FILE)) {
        Ok(bytes) => open(&bytes).map(|_| ()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{RECORD_FILE}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_flipped_bit_is_noticed_or_only_space() {
        let record = Record {
            inputs: BTreeMap::from([("split".to_owned(), "0123".to_owned())]),
            work: Some(1.5e9),
            ..Record::new("pretrain.main", "2026-04-14T09:03:00Z".into(), 0.1, "loss 2.3")
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
        let record = Record::new("pretrain.main", "2026-04-14T09:03:00Z".into(), 0.1, "loss 2.3");
        let mut value = serde_json::to_value(&record).unwrap();
        value.as_object_mut().unwrap().remove(SEALED);
        assert_eq!(open(value.to_string().as_bytes()).unwrap(), record);
        assert!(open(b"[]").is_err() && open(b"{").is_err());
    }
}
