//! Relative paths of images are meant from the directory of the file that they are written in.

use crate::config::node::{Node, Value};
use crate::config::source::Source;

/// Keys with the path of a file or directory, by the kind of source.
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

/// Makes paths that are written in an extended file relative to the directory of the pipeline file. `value` is the one at
/// the path `at` of the file, such as one that is swept; the whole file where `at` is empty.
pub(super) fn relate(value: &mut Node, at: &[&str], sources: &[Source]) {
    for (kind, key) in DATA_PATHS {
        if let Some(below) = ["dataset", "source", kind, key].strip_prefix(at) {
            let node = below.iter().try_fold(&mut *value, |node, key| node.child_mut(&(*key).into()));
            node.into_iter().for_each(|node| relate_one(node, sources));
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::{self, admits, alternatives, choices, properties};

    #[test]
    fn every_path_of_the_schema_is_known() {
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
