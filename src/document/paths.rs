//! Relative paths are meant from the directory of the file that they are written in. The schema says which strings are
//! paths: `"format": "path"`.

use crate::document::node::{PathStep, TomlNode, TomlValue};
use crate::document::schema::{alternatives, plain, schema_of};
use crate::document::source::SourceText;
use serde_json::Value as Schema;
use std::path::Path;

/// Makes paths that are written in an extended file relative to the directory of the first file. `value` is the one at the
/// path `at` of the file, such as one that is swept; the whole file where `at` is empty.
pub(crate) fn relate(value: &mut TomlNode, at: &[PathStep], schema: &'static Schema, sources: &[SourceText]) {
    let below = at.iter().try_fold(schema, |schema, step| match step {
        PathStep::Key(key) => schema_of(key, &alternatives(schema)),
        PathStep::Index(_) => plain(&alternatives(schema), "array")?.get("items"),
    });
    below.into_iter().for_each(|schema| each_path(value, schema, &|node| relate_one(node, sources)));
}

/// Makes every path of a file absolute; an empty one is a mistake and stays.
pub(crate) fn make_absolute(root: &mut TomlNode, schema: &'static Schema, directory: &Path) {
    each_path(root, schema, &|node| {
        if let TomlValue::String(text) = &mut node.value
            && !text.is_empty()
        {
            *text = directory.join(&*text).to_string_lossy().into_owned();
        }
    });
}

/// Does something to every string below a value that is a path.
fn each_path(node: &mut TomlNode, schema: &'static Schema, change: &dyn Fn(&mut TomlNode)) {
    let alternatives = alternatives(schema);
    match &mut node.value {
        TomlValue::String(_) => {
            let is_path = |schema: &Schema| schema.get("format").is_some_and(|format| format == "path");
            if plain(&alternatives, "string").is_some_and(is_path) {
                change(node);
            }
        }
        TomlValue::Array(items) => {
            let of_items = plain(&alternatives, "array").and_then(|schema| schema.get("items"));
            of_items.into_iter().for_each(|schema| items.iter_mut().for_each(|item| each_path(item, schema, change)));
        }
        TomlValue::Table(entries) => {
            for entry in entries {
                let below = schema_of(&entry.key, &alternatives);
                below.into_iter().for_each(|schema| each_path(&mut entry.node, schema, change));
            }
        }
        _ => {}
    }
}

fn relate_one(node: &mut TomlNode, sources: &[SourceText]) {
    let Some(source) = sources.get(node.span.source as usize) else { return };
    if let TomlValue::String(text) = &mut node.value
        // An empty path is an error, which is reported later.
        && !text.is_empty()
        && !source.directory.as_os_str().is_empty()
    {
        *text = source.directory.join(&*text).to_string_lossy().into_owned();
    }
}
