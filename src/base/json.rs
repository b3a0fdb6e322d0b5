//! JSON for people and programs.

use crate::base::{Error, Result};
use serde::Serialize;

/// Serializes a value as indented JSON with a final newline.
///
/// # Errors
/// The value has no JSON form, which is a bug.
pub(crate) fn pretty(value: &impl Serialize) -> Result<String> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(Error::bug(format!("a value cannot be written as JSON: {error}"))),
    }
}
