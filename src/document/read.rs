//! Reads the sections of a tree into raw types, each apart, so that one bad value hides no other.

use crate::document::de::Invalid;
use crate::document::diagnostic::{Problem, Problems};
use crate::document::node::{Node, Step};
use crate::document::schema::structure;
use serde::de::DeserializeOwned;
use serde_json::Value as Schema;

/// Reads the value at a path. What is wrong in it is reported and taken out until the rest can be read; the value is
/// none then.
pub(crate) fn read<T: DeserializeOwned>(
    root: &mut Node,
    path: &[Step],
    schema: &'static Schema,
    problems: &mut Problems,
) -> Option<T> {
    read_with(root, path, schema, problems, |node| T::deserialize(node))
}

/// As [`read`], with a function that reads the value.
pub(crate) fn read_with<T>(
    root: &mut Node,
    path: &[Step],
    schema: &'static Schema,
    problems: &mut Problems,
    read: impl Fn(&Node) -> Result<T, Invalid>,
) -> Option<T> {
    let mut is_sound = true;
    // Every turn takes something that is written out of the tree, so this ends.
    loop {
        let invalid = match read(root.get(path)?) {
            Ok(value) => return is_sound.then_some(value),
            Err(invalid) => invalid,
        };
        is_sound = false;
        let full: Vec<Step> = path.iter().cloned().chain(invalid.path()).collect();
        problems.report(Problem::new(root.place_of(&full), message(&full, &invalid.message)));
        if root.remove(&full).is_none() || problems.are_many() {
            root.remove(path);
            return None;
        }
        structure::fill(root, schema);
    }
}

/// `must be above 0, got -1` with the key before it.
fn message(path: &[Step], message: &str) -> String {
    let key = path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(key),
        Step::Index(_) => None,
    });
    match key {
        Some(key) if message.starts_with("must be") => format!("`{key}` {message}"),
        Some(key) => format!("`{key}`: {message}"),
        None => message.to_owned(),
    }
}
