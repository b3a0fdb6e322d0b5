//! Relative image paths, resolved against the directory of the file that they are written in.

use crate::config::node::{TomlNode, TomlValue};
use crate::config::source::SourceText;

/// Keys that hold the path of a file or directory: (kind of source, key).
const DATA_PATHS: [(&str, &str); 8] = [
    ("image_folder", "train"),
    ("image_folder", "test"),
    ("folder", "train"),
    ("folder", "test"),
    ("prefixed", "train"),
    ("prefixed", "test"),
    ("cifar10", "path"),
    ("stl10", "path"),
];

/// Makes paths written in an extended file relative to the directory of the pipeline file. `value` is the value at the
/// path `at`, such as a swept value; the whole file where `at` is empty.
pub(super) fn rebase(value: &mut TomlNode, at: &[&str], sources: &[SourceText]) {
    for (kind, key) in DATA_PATHS {
        if let Some(below) = ["dataset", "source", kind, key].strip_prefix(at) {
            let node = below.iter().try_fold(&mut *value, |node, key| node.child_mut(&(*key).into()));
            node.into_iter().for_each(|node| rebase_one(node, sources));
        }
    }
}

fn rebase_one(node: &mut TomlNode, sources: &[SourceText]) {
    let Some(source) = sources.get(node.span.source as usize) else { return };
    if let TomlValue::String(text) = &mut node.value
        // An empty path is reported later.
        && !text.is_empty()
        && !source.directory.as_os_str().is_empty()
    {
        *text = source.directory.join(&*text).to_string_lossy().into_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::{self, admits, alternatives, choices, properties};

    #[test]
    fn every_path_of_the_schema_is_listed() {
        let kinds = alternatives(&schema::root()["$defs"]["SourceConfig"]);
        let mut paths = Vec::new();
        for (kind, parameters) in choices(&kinds) {
            for (key, value) in properties(schema::resolve(parameters)) {
                if admits(value, "string") {
                    paths.push((kind, key));
                }
            }
        }
        paths.sort_unstable();
        let mut known = DATA_PATHS.to_vec();
        known.sort_unstable();
        assert_eq!(paths, known);
    }
}
