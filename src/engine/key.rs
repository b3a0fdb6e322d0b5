//! The key of an artifact: a digest of everything that decides its content, and the document it is a digest of.

use crate::base::{Error, Result, hash};
use crate::engine::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the store's layout and of the key document; in every key and in the name of the store's directory.
pub const STORE_VERSION: u32 = 1;

/// Everything that decides an artifact's content. Kept beside the artifact as `key.json`, in canonical form, so that
/// the digest of that file is the key and a plan can say which field makes a stage run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyDocument {
    /// [`STORE_VERSION`].
    pub store: u32,
    /// Kind of the stage.
    pub kind: String,
    /// Version of the stage's algorithm.
    pub version: u32,
    /// Parameters that decide the content; an object.
    pub parameters: Value,
    /// Keys of the input artifacts, by role.
    pub inputs: BTreeMap<String, String>,
}

impl KeyDocument {
    /// The document of a stage whose inputs have these keys.
    ///
    /// # Errors
    /// The stage's kind cannot name a directory or its parameters are not an object, which are bugs.
    pub fn new(stage: &dyn Stage, inputs: BTreeMap<String, String>) -> Result<Self> {
        let kind = stage.kind();
        let names_a_directory = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if kind.is_empty() || !kind.bytes().all(names_a_directory) {
            return Err(Error::bug(format!("stage kind '{kind}' is not made of a-z, 0-9 and _")).at(stage.name()));
        }
        let parameters = stage.parameters();
        if !parameters.is_object() {
            return Err(Error::bug("the parameters of a stage must be an object").at(stage.name()));
        }
        Ok(Self { store: STORE_VERSION, kind: kind.to_owned(), version: stage.version(), parameters, inputs })
    }

    /// Canonical JSON, the content of `key.json`.
    ///
    /// # Errors
    /// The document has no JSON form, which is a bug.
    pub fn text(&self) -> Result<String> {
        hash::canonical_json(self)
    }
}
