//! Reading sections of a tree into raw types, each separately, so that one invalid value does not hide others.

use crate::config::diagnostic::{Problem, Problems};
use crate::config::node::{PathStep, TomlNode};
use crate::config::structure;
use serde::de::DeserializeOwned;

/// Reads the value at a path. Invalid values in it are reported and removed until the rest can be read; the result is
/// then none.
pub(super) fn read<T: DeserializeOwned>(root: &mut TomlNode, path: &[PathStep], problems: &mut Problems) -> Option<T> {
    let mut is_valid = true;
    // Every iteration removes a value from the tree, so the loop ends.
    loop {
        let invalid = match T::deserialize(root.get(path)?) {
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
        structure::fill(root);
    }
}

/// Adds the key to a message: `must be above 0, got -1`.
fn message(path: &[PathStep], message: &str) -> String {
    let key = path.iter().rev().find_map(|step| match step {
        PathStep::Key(key) => Some(key),
        PathStep::Index(_) => None,
    });
    match key {
        Some(key) if message.starts_with("must be") => format!("`{key}` {message}"),
        Some(key) => format!("`{key}`: {message}"),
        None => message.to_owned(),
    }
}
