//! `docs/configuration.md`, `docs/pipeline.schema.json` and `docs/every_key.toml` are up to date.

use serde_json::Value;
use simclr::pipeline::{load, reference, schema};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const MARK: &str = "<!-- Generated from the schema.";

fn in_docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[test]
fn the_committed_reference_is_up_to_date() {
    let path = in_docs("configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mark = text.find(MARK).expect("the marker between prose and reference is missing");
    let line_end = mark + text[mark..].find('\n').unwrap() + 1;
    check_file("configuration.md", &format!("{}\n{}\n", &text[..line_end], reference().trim_end()));
}

#[test]
fn the_committed_schema_is_up_to_date() {
    check_file("pipeline.schema.json", &format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap()));
}

#[test]
fn the_committed_schema_of_the_report_is_up_to_date() {
    let schema = simclr::render::schema();
    check_file("report.schema.json", &format!("{}\n", serde_json::to_string_pretty(&schema).unwrap()));
}

/// Checks that a file of `docs/` is up to date, or updates it.
fn check_file(name: &str, wanted: &str) {
    let path = in_docs(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == wanted, "docs/{name} is out of date; run with UPDATE_DOCS=1");
}

#[test]
fn every_key_of_the_reference_has_a_description() {
    for line in reference().lines().filter(|line| line.starts_with("| `")) {
        let meaning = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(meaning.len() > 5, "{line}");
    }
}

#[test]
fn the_file_with_every_key_loads() {
    load(&in_docs("every_key.toml"), &[]).unwrap_or_else(|errors| panic!("{errors}"));
}

/// Searches words of the text, so that keys in comments count too: a file has only one data set.
#[test]
fn the_file_with_every_key_has_every_key() {
    let text = std::fs::read_to_string(in_docs("every_key.toml")).unwrap();
    let written: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let mut keys = BTreeSet::new();
    collect_keys(&schema(), &mut keys);
    assert!(keys.len() > 80, "only {} keys", keys.len());
    let missing: Vec<&String> = keys.iter().filter(|key| !written.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "docs/every_key.toml is missing {missing:?}");
}

fn collect_keys(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            if let Some(properties) = object.get("properties").and_then(Value::as_object) {
                keys.extend(properties.keys().cloned());
            }
            object.values().for_each(|value| collect_keys(value, keys));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}
