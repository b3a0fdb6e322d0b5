//! Reading sections of a tree into raw types, each separately, so that one invalid value does not hide others.

use crate::document::de::InvalidValue;
use crate::document::diagnostic::{Problem, Problems};
use crate::document::node::{PathStep, TomlNode};
use crate::document::schema::structure;
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;

/// Reads the value at a path. Invalid values in it are reported and removed until the rest can be read; the result is
/// then none.
pub(crate) fn read<T: DeserializeOwned>(
    root: &mut TomlNode,
    path: &[PathStep],
    schema: &'static Schema,
    problems: &mut Problems,
) -> Option<T> {
    read_with(root, path, schema, problems, |node| T::deserialize(node))
}

/// As [`read`], with a function that reads the value.
pub(crate) fn read_with<T>(
    root: &mut TomlNode,
    path: &[PathStep],
    schema: &'static Schema,
    problems: &mut Problems,
    read: impl Fn(&TomlNode) -> Result<T, InvalidValue>,
) -> Option<T> {
    let mut is_valid = true;
    // Every iteration removes a value from the tree, so the loop ends.
    loop {
        let invalid = match read(root.get(path)?) {
            Ok(value) => return is_valid.then_some(value),
            Err(invalid) => invalid,
        };
        is_valid = false;
        let full: Vec<PathStep> = path.iter().cloned().chain(invalid.path()).collect();
        problems.report(Problem::new(root.span_of(&full), message(&full, &invalid.message)));
        if root.remove(&full).is_none() || problems.are_many() {
            root.remove(path);
            return None;
        }
        structure::fill(root, schema);
    }
}

/// Puts the key before a message.
fn message(path: &[PathStep], message: &str) -> String {
    let key = path.iter().rev().find_map(|step| match step {
        PathStep::Key(key) => Some(key),
        PathStep::Index(_) => None,
    });
    match key {
        Some(key) => format!("`{key}`: {message}"),
        None => message.to_owned(),
    }
}
