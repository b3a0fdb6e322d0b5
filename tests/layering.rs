//! Imports only point down: checks the `crate::` paths of every module against the order of the layers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Layers, top first. A module may import from itself and from the layers below its own.
const LAYERS: &[&[&str]] = &[
    &["cli"],
    &["pipeline"],
    &["stages"],
    &["executor", "study"],
    &["runs", "doctor", "document"],
    &["sinks"],
    &["engine", "render", "train"],
    &["dataset"],
    &["analysis", "augment", "loss", "model", "optim"],
    &["nn", "imaging"],
    &["group"],
    &["base"],
];

fn layer(module: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&module)).unwrap_or_else(|| {
        panic!("module `{module}` has no layer: add it to tests/layering.rs and docs/architecture.md")
    })
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the modules named as `crate::NAME` in the source.
fn imports(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = code.collect::<Vec<_>>().join("\n");
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut upward = Vec::new();
    let mut count = 0;
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        let module = path.components().next().unwrap().as_os_str().to_str().unwrap().to_owned();
        if path.components().count() == 1 {
            continue; // main.rs and lib.rs may name every module
        }
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            count += 1;
            if import != module && layer(&import) <= layer(&module) {
                upward.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(count > 50, "only {count} imports found: does this test still read the sources?");
    assert!(upward.is_empty(), "imports that point up or sideways:\n{}", upward.join("\n"));
}

#[test]
fn lib_rs_lists_the_layers_in_order() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let module = |line: &str| Some(line.split_once("mod ")?.1.strip_suffix(';')?.to_owned());
    let layers = text.split("\n\n").map(|layer| layer.lines().filter_map(module).collect::<Vec<_>>());
    let listed: Vec<_> = layers.filter(|layer| !layer.is_empty()).collect();
    let sorted = |layer: &&[&str]| {
        let mut layer: Vec<String> = layer.iter().map(|&module| module.to_owned()).collect();
        layer.sort();
        layer
    };
    assert_eq!(listed, LAYERS.iter().map(sorted).collect::<Vec<_>>());
}

#[test]
fn only_the_command_line_prints_or_exits() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let path = file.strip_prefix(&root).unwrap();
        if path.starts_with("cli") || path == Path::new("main.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        // Unit tests may print what they skip.
        let text = text.split_once("#[cfg(test)]\nmod tests").map_or(text.as_str(), |(code, _)| code);
        for word in ["println!", "eprintln!", "process::exit"] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}
