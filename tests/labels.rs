//! What is trained without labels does not run again when labels, names of classes or test images change; and
//! pretraining and evaluation on different data sets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

mod common;

#[path = "common/study.rs"]
mod study;

use common::artifacts;
use std::fs;
use std::path::Path;
use study::{PRETRAINING, Study, write_images};

const DATASET: &str = "
[dataset]
source = { image_folder = { train = \"train\", test = \"test\" } }
image_size = 16
validation_fraction = 0.2
";

const EVALUATIONS: &str = "
[knn_eval.main]
from = \"main\"
k = 3

[linear_eval.main]
from = \"main\"
";

/// Stages that read training images only.
const UNSUPERVISED: [&str; 3] = ["images[train]", "split", "pretrain.main"];

impl Study {
    /// Creates a study with this pipeline file, and images of two classes.
    fn new(text: &str) -> Self {
        let study = Self::empty();
        for (number, class) in ["cat", "dog"].into_iter().enumerate() {
            let seed = 1000 * number as u64;
            write_images(&study.path("train").join(class), 12, seed);
            write_images(&study.path("test").join(class), 6, seed + 500);
        }
        study.write_file(text);
        study
    }

    fn finished() -> Self {
        let study = Self::new(&format!("{DATASET}{PRETRAINING}{EVALUATIONS}"));
        study.run("out", &[]);
        study
    }

    fn run(&self, output: &str, more: &[&str]) -> String {
        self.succeed("run", output, more)
    }

    /// Checks which stages a plan calls cached and which it would run.
    fn assert_plan(&self, cached: &[&str], will_run: &[&str]) {
        let (is_done, plan) = self.command("plan", "out", &[]);
        assert!(is_done, "{plan}");
        for (stages, state) in [(cached, "cached"), (will_run, "run")] {
            for stage in stages {
                let line = plan.lines().find(|line| line.split_whitespace().any(|word| word == *stage));
                let line = line.unwrap_or_else(|| panic!("no {stage} in\n{plan}"));
                let is_cached = line.split_whitespace().next() == Some("cached");
                assert_eq!(is_cached, state == "cached", "{stage} in\n{plan}");
            }
        }
    }

    fn models(&self) -> Vec<Vec<u8>> {
        let kept = artifacts(&self.path("out"));
        kept.into_iter().filter(|(path, _)| path.ends_with("model.safetensors")).map(|(_, bytes)| bytes).collect()
    }
}

fn rename(study: &Study, from: &str, to: &str) {
    fs::rename(study.path(from), study.path(to)).unwrap();
}

#[test]
fn another_name_of_a_class_repeats_nothing_unsupervised() {
    let study = Study::finished();
    rename(&study, "train/dog", "train/a hound");
    rename(&study, "test/dog", "test/a hound");
    study.assert_plan(&[&UNSUPERVISED[..], &["images[test]", "health.main", "features.main"]].concat(), &["dataset"]);
    study.run("out", &[]);
    assert_eq!(study.models().len(), 1);
}

#[test]
fn one_more_test_image_repeats_no_training() {
    let study = Study::finished();
    write_images(&study.path("test/cat"), 7, 500);
    study.assert_plan(&UNSUPERVISED, &["images[test]", "dataset", "health.main", "features.main"]);
    study.run("out", &[]);
    assert_eq!(study.models().len(), 1);
}

#[test]
fn a_corrected_label_repeats_the_evaluations_alone() {
    let study = Study::finished();
    rename(&study, "train/dog/3.png", "train/cat/was a dog.png");
    study.assert_plan(&[&UNSUPERVISED[..], &["images[test]", "health.main", "features.main"]].concat(), &["dataset"]);
    study.run("out", &[]);
    // The same as computed from nothing.
    study.run("fresh", &["--threads", "1"]);
    let (out, fresh) = (artifacts(&study.path("out")), artifacts(&study.path("fresh")));
    for (path, bytes) in &fresh {
        assert!(out.get(path) == Some(bytes), "{} differs", path.display());
    }
    let index = fresh.iter().find(|(path, _)| path.starts_with("dataset") && path.ends_with("index.json")).unwrap().1;
    let index: serde_json::Value = serde_json::from_slice(index).unwrap();
    let image = index["names"].as_array().unwrap().iter().position(|name| name == "cat/was a dog.png").unwrap();
    assert_eq!(index["labels"][image], 0);
}

#[test]
fn a_held_out_test_set_stays_when_a_class_gets_another_name() {
    let study = Study::new(&format!("{DATASET}{PRETRAINING}{EVALUATIONS}").replace(", test = \"test\"", ""));
    study.run("out", &[]);
    rename(&study, "train/dog", "train/a hound");
    study.assert_plan(&[&UNSUPERVISED[..], &["images[test]"]].concat(), &["dataset"]);
}

#[test]
fn damaged_images_are_decoded_again() {
    let study = Study::finished();
    let before = artifacts(&study.path("out"));
    for (path, _) in before.iter().filter(|(path, _)| path.ends_with("images.bin")) {
        let path = study.path("out").join("store-v1").join(path);
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    let text = study.run("out", &["--verify", "always"]);
    assert!(!text.contains("computed 0"), "{text}");
    let is_kept_aside = |path: &Path| path.to_string_lossy().contains(".damaged-");
    let mut after = artifacts(&study.path("out"));
    assert_eq!(after.keys().filter(|path| is_kept_aside(path) && path.ends_with("images.bin")).count(), 2);
    after.retain(|path, _| !is_kept_aside(path));
    assert!(before == after);
}

const OTHER: &str = "
[dataset.other]
source = { shapes = { train = 24, test = 12, classes = 3 } }
image_size = 16
";

#[test]
fn pretraining_and_evaluation_may_use_different_data_sets() {
    let evaluations = EVALUATIONS.replace("from = \"main\"", "from = \"main\"\ndataset = \"other\"");
    let study = Study::new(&format!("{DATASET}{OTHER}{PRETRAINING}{evaluations}"));
    study.run("out", &[]);
    let cached = ["images.other[train]", "images.other[test]", "dataset.other", "split.other"];
    study.assert_plan(&[&UNSUPERVISED[..], &cached].concat(), &[]);
    let metrics = artifacts(&study.path("out"));
    let of =
        |kind| metrics.iter().find(|(path, _)| path.starts_with(kind) && path.ends_with("metrics.json")).unwrap().1;
    for kind in ["knn_eval", "linear_eval"] {
        let metrics: serde_json::Value = serde_json::from_slice(of(kind)).unwrap();
        assert_eq!((metrics["classes"].as_array().unwrap().len(), metrics["total"].as_u64()), (3, Some(12)), "{kind}");
    }
}

#[test]
fn a_stage_names_its_data_set_where_that_is_not_clear() {
    let stages = format!("{PRETRAINING}{EVALUATIONS}");
    let one = OTHER.replace(".other", ".one");
    let validate = |text: &str| Study::new(text).command("validate", "out", &[]);
    assert!(validate(&format!("{OTHER}{stages}")).0, "the only one needs no name");
    let (is_valid, text) = validate(&format!("{OTHER}{one}{stages}"));
    assert!(!is_valid && text.contains("there are several data sets"), "{text}");
    let named =
        |name: &str| stages.replace("augment = \"views\"", &format!("augment = \"views\"\ndataset = \"{name}\""));
    assert!(validate(&format!("{OTHER}{one}{}", named("one"))).0);
    let (is_valid, text) = validate(&format!("{OTHER}{one}{}", named("othr")));
    assert!(!is_valid && text.contains("othr") && text.contains("other"), "{text}");
}
