//! Relative paths are meant from the directory of the file that they are written in. The schema says which strings are
//! paths: `"format": "path"`.

use crate::document::node::{Node, Step, Value};
use crate::document::schema::{alternatives, plain, schema_of};
use crate::document::source::Source;
use serde_json::Value as Schema;
use std::path::Path;

/// Makes paths that are written in an extended file relative to the directory of the first file. `value` is the one at the
/// path `at` of the file, such as one that is swept; the whole file where `at` is empty.
pub(crate) fn relate(value: &mut Node, at: &[Step], schema: &'static Schema, sources: &[Source]) {
    let below = at.iter().try_fold(schema, |schema, step| match step {
        Step::Key(key) => schema_of(key, &alternatives(schema)),
        Step::Index(_) => plain(&alternatives(schema), "array")?.get("items"),
    });
    below.into_iter().for_each(|schema| each_path(value, schema, &|node| relate_one(node, sources)));
}

/// Makes every path of a file absolute; an empty one is a mistake and stays.
pub(crate) fn make_absolute(root: &mut Node, schema: &'static Schema, directory: &Path) {
    each_path(root, schema, &|node| {
        if let Value::Text(text) = &mut node.value
            && !text.is_empty()
        {
            *text = directory.join(&*text).to_string_lossy().into_owned();
        }
    });
}

/// Does something to every string below a value that is a path.
fn each_path(node: &mut Node, schema: &'static Schema, change: &dyn Fn(&mut Node)) {
    let alternatives = alternatives(schema);
    match &mut node.value {
        Value::Text(_) => {
            let is_path = |schema: &Schema| schema.get("format").is_some_and(|format| format == "path");
            if plain(&alternatives, "string").is_some_and(is_path) {
                change(node);
            }
        }
        Value::List(items) => {
            let of_items = plain(&alternatives, "array").and_then(|schema| schema.get("items"));
            of_items.into_iter().for_each(|schema| items.iter_mut().for_each(|item| each_path(item, schema, change)));
        }
        Value::Table(entries) => {
            for entry in entries {
                let below = schema_of(&entry.key, &alternatives);
                below.into_iter().for_each(|schema| each_path(&mut entry.node, schema, change));
            }
        }
        _ => {}
    }
}

fn relate_one(node: &mut Node, sources: &[Source]) {
    let Some(source) = sources.get(node.place.source as usize) else { return };
    if let Value::Text(text) = &mut node.value
        // An empty path is a mistake, and told as such later.
        && !text.is_empty()
        && !source.directory.as_os_str().is_empty()
    {
        *text = source.directory.join(&*text).to_string_lossy().into_owned();
    }
}
