//! The resolved pipeline as one text declares the same study.

use crate::directory::Directory;
use simclr::pipeline::{LoadedStudy, load, parse};
use std::path::Path;

const BASE: &str = include_str!("base.toml");

/// Parses the resolved text as a file of the same directory and compares the two studies; returns the text.
fn check_round_trip(loaded: &LoadedStudy) -> String {
    let text = loaded.resolved_toml();
    let again = parse(&text, &loaded.path().with_file_name("resolved.toml"), &[])
        .unwrap_or_else(|errors| panic!("{text}\n{errors}"));
    assert_eq!(format!("{:#?}", again.study), format!("{:#?}", loaded.study), "{text}");
    assert_eq!(again.resolved_toml(), text, "the resolved text of the resolved text differs");
    assert!(!text.contains('#') && !text.contains("extends"), "{text}");
    text
}

#[test]
fn every_pipeline_reads_back_as_the_same_study() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("pipelines")).unwrap().map(|entry| entry.unwrap().path());
    for file in files.chain([root.join("docs/every_key.toml")]) {
        check_round_trip(&load(&file, &[]).unwrap_or_else(|errors| panic!("{errors}")));
    }
}

#[test]
fn bases_settings_and_groups_are_resolved() {
    let study = r#"
        extends = "../shared/base.toml"
        seed = 18446744073709551615
        report.title = "Bits \\ \"and\"\tpieces \u007f"
        dataset.source.filename_prefix.test = "mine"
        [[sweep.together]]
        "pretrain.main.batch_size" = [8, 16]
        "pretrain.main.optimizer.sgd.learning_rate" = [1e-1, 2e-1]
        "dataset.source.filename_prefix.train" = ["a", "b"]
        [sweep]
        "pretrain.main.optimizer.sgd.weight_decay" = [0.0, 1e-6]
    "#;
    let directory = Directory::with(&[("shared/base.toml", BASE), ("mine/study.toml", study)]);
    let settings = ["device=cpu", "pretrain.main.batch_size=32", "sweep.pretrain.second.loss=[{nt_xent={}}]"];
    let text = check_round_trip(&directory.load("mine/study.toml", &settings));
    let expected = r#"device = "cpu"
name = "study"
seed = 18446744073709551615

[augment.views]
ops = [
  { random_resized_crop = {} },
  { color_jitter = { strength = 1.0 } },
]

[dataset]
image_size = 64
source = { filename_prefix = { test = "mine", train = "../shared/images/train" } }
"#;
    assert!(text.starts_with(expected), "{text}");
    let expected = r#"
[sweep]
"pretrain.main.optimizer.sgd.weight_decay" = [0.0, 1e-6]
"pretrain.second.loss" = [{ nt_xent = {} }]

[[sweep.together]]
"pretrain.main.optimizer.sgd.learning_rate" = [1e-1, 2e-1]
"dataset.source.filename_prefix.train" = ["a", "b"]
"#;
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn swept_paths_of_a_base_still_point_to_the_same_files() {
    let base = format!(
        "{BASE}\"dataset.source\" = [{{ image_folder = {{ train = \"a\" }} }}, {{ stl10 = {{ path = \"/b\" }} }}]\n"
    );
    let directory = Directory::with(&[("shared/base.toml", &base), ("study.toml", "extends = \"shared/base.toml\"")]);
    let text = check_round_trip(&directory.load("study.toml", &[]));
    assert!(text.contains(r#"[{ image_folder = { train = "shared/a" } }, { stl10 = { path = "/b" } }]"#), "{text}");
}

#[test]
fn comments_and_spacing_do_not_change_the_text() {
    let plain = parse(BASE, Path::new("a.toml"), &[]).unwrap().resolved_toml();
    let spaced = BASE.replace("{ ", "{   ").replace('\n', "  # here\n").replace("[0, 1, 2]", "[0,\n1,   2,]");
    assert_eq!(parse(&spaced, Path::new("a.toml"), &[]).unwrap().resolved_toml(), plain);
}

#[test]
fn settings_and_files_are_available() {
    let settings = ["seed=3".to_owned()];
    let loaded = parse(BASE, Path::new("a.toml"), &settings).unwrap();
    assert_eq!(loaded.overrides(), settings);
    assert_eq!(loaded.files().collect::<Vec<_>>(), [(Path::new("a.toml"), BASE)]);
    assert_eq!((loaded.path(), loaded.text()), (Path::new("a.toml"), BASE));
}
