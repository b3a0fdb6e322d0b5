//! Key of an artifact: the digest of a document with everything that determines its content.

use crate::base::{Error, Result};
use crate::engine::Stage;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Version of the store's layout and of the key document. Part of every key and of the name of the store's directory.
pub(crate) const STORE_VERSION: u32 = 1;

/// Everything that determines an artifact's content. Stored with the artifact as `key.json` in canonical form: the
/// digest of that file is the key, and a plan can report which field makes a stage run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyDocument {
    /// `STORE_VERSION`.
    pub store: u32,
    /// Kind of the stage.
    pub kind: String,
    /// Version of the stage's algorithm.
    pub version: u32,
    /// Parameters that determine the content; an object.
    pub parameters: Value,
    /// Keys of the input artifacts, by role.
    pub inputs: BTreeMap<String, String>,
}

impl KeyDocument {
    /// Creates the document of a stage whose inputs have these keys.
    ///
    /// # Errors
    /// The stage's kind is not a valid directory name or its parameters are not an object; both are bugs.
    pub fn new(stage: &dyn Stage, inputs: BTreeMap<String, String>) -> Result<Self> {
        let kind = stage.kind();
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if kind.is_empty() || !kind.bytes().all(is_allowed) {
            return Err(
                Error::bug(format!("stage kind '{kind}' has characters other than a-z, 0-9 and _")).at(stage.name())
            );
        }
        let parameters = stage.parameters();
        if !parameters.is_object() {
            return Err(Error::bug("the parameters of a stage must be an object").at(stage.name()));
        }
        Ok(Self { store: STORE_VERSION, kind: kind.to_owned(), version: stage.version(), parameters, inputs })
    }

    /// Returns the content of `key.json`, in canonical JSON.
    ///
    /// # Errors
    /// The document cannot be serialized, which is a bug.
    pub fn text(&self) -> Result<String> {
        // The same as `hash::canonical_json(self)`, without a copy of the parameters, whose keys are sorted already.
        let sorted = Sorted {
            inputs: &self.inputs,
            kind: &self.kind,
            parameters: &self.parameters,
            store: self.store,
            version: self.version,
        };
        serde_json::to_string(&sorted)
            .map_err(|error| Error::bug(format!("a key document cannot be written as JSON: {error}")))
    }
}

/// The fields of a [`KeyDocument`] in the order of their names.
#[derive(Serialize)]
struct Sorted<'a> {
    inputs: &'a BTreeMap<String, String>,
    kind: &'a str,
    parameters: &'a Value,
    store: u32,
    version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash;
    use serde_json::json;

    #[test]
    fn the_text_is_canonical() {
        let parameters = json!({"z": [1, 2.5, null], "a": {"é": 0.1f32, "b": -1}});
        let inputs = [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "\"2".to_owned())].into();
        let document = KeyDocument { store: 1, kind: "k".into(), version: 3, parameters, inputs };
        assert_eq!(document.text().unwrap(), hash::canonical_json(&document).unwrap());
    }
}
