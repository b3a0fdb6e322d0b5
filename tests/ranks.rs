//! Training on several ranks: the same bytes for any number of them, and clear ends when one fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

use simclr::base::{ErrorKind, Result};
use simclr::engine::{self, Event, EventSink, NoEvents, RunOptions, Store};
use simclr::pipeline::{self, Assembly};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Three steps per epoch of 32 images in 8 shards; the last batch of `supervised` has 5 images.
const PIPELINE: &str = r#"
name = "ranks"
seed = 3

[dataset]
source = { shapes = { train = 120, test = 12, classes = 3 } }
image_size = 16
validation_fraction = 0.15

[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }, { color_jitter = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [12, 8], batch_norm = "all" }
optimizer = { lars = { learning_rate = 0.3 } }
epochs = 2
batch_size = 32
shards = 8

[supervised.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
batch_size = 32
epochs = 2
shards = 8
early_stopping = true
class_weights = "balanced"
"#;

const PRETRAIN: &str = "pretrain.main";
const SUPERVISED: &str = "supervised.main[100 % labels]";

type Files = BTreeMap<String, Vec<u8>>;

fn assembly(directory: &Path, settings: &[&str]) -> Assembly {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let loaded = pipeline::parse(PIPELINE, &directory.join("ranks.toml"), &settings).unwrap();
    pipeline::assemble(&loaded, directory, None).unwrap_or_else(|_| panic!("no graph"))
}

fn options(stage: &str) -> RunOptions {
    RunOptions { only: vec![stage.to_owned()], checkpoint_every: Duration::MAX, ..RunOptions::default() }
}

/// Computes a stage; returns its files.
fn run(
    directory: &Path,
    settings: &[&str],
    (stage, ranks): (&str, usize),
    options: &RunOptions,
    events: &dyn EventSink,
    interrupted: &AtomicBool,
) -> Result<Files> {
    let assembly = assembly(directory, settings);
    let store = Store::open(directory)?;
    let outcome = engine::with_threads(&assembly.graph, ranks, interrupted, |team| {
        let options = RunOptions { team: team.clone(), ..options.clone() };
        engine::run(&assembly.graph, &store, &options, events, interrupted)
    })?;
    let artifact = outcome.artifact(assembly.graph.with_name(stage).unwrap())?;
    let read = |name: &str| Some((name.to_owned(), fs::read(artifact.join(name)).ok()?));
    Ok(["model.safetensors", "history.csv", "metrics.json"].into_iter().filter_map(read).collect())
}

/// Computes a stage in a directory of its own.
fn computed(settings: &[&str], stage: &str, ranks: usize) -> Files {
    let directory = tempfile::tempdir().unwrap();
    let files = run(directory.path(), settings, (stage, ranks), &options(stage), &NoEvents, &AtomicBool::new(false));
    let files = files.unwrap_or_else(|error| panic!("{stage} on {ranks} ranks: {error}"));
    assert!(files.contains_key("model.safetensors") && files.contains_key("history.csv"));
    files
}

fn losses(files: &Files) -> Vec<f64> {
    let text = String::from_utf8(files["history.csv"].clone()).unwrap();
    let mut lines = text.lines();
    let column = lines.next().unwrap().split(',').position(|name| name == "loss").unwrap();
    lines.map(|line| line.split(',').nth(column).unwrap().parse().unwrap()).collect()
}

#[test]
fn pretraining_has_the_same_bytes_on_1_2_4_and_8_ranks() {
    for norm in ["joint", "per_view", "shard"] {
        let setting = format!("pretrain.main.batch_norm=\"{norm}\"");
        let one = computed(&[&setting], PRETRAIN, 1);
        for ranks in [2, 4, 8] {
            assert!(computed(&[&setting], PRETRAIN, ranks) == one, "{norm} on {ranks} ranks");
        }
    }
}

#[test]
fn supervised_training_has_the_same_bytes_on_1_2_4_and_8_ranks() {
    for norm in ["joint", "shard"] {
        let setting = format!("supervised.main.batch_norm=\"{norm}\"");
        let one = computed(&[&setting], SUPERVISED, 1);
        assert!(one.contains_key("metrics.json"));
        for ranks in [2, 4, 8] {
            assert!(computed(&[&setting], SUPERVISED, ranks) == one, "{norm} on {ranks} ranks");
        }
    }
}

#[test]
fn another_loss_and_precision_have_the_same_bytes_on_ranks_too() {
    let settings = ["pretrain.main.loss={nt_logistic={}}", "pretrain.main.precision=\"bf16\""];
    assert!(computed(&settings, PRETRAIN, 1) == computed(&settings, PRETRAIN, 4));
}

#[test]
fn shards_with_joint_batch_norm_train_as_the_whole_batch() {
    for (stage, setting) in [(PRETRAIN, "pretrain.main.shards=1"), (SUPERVISED, "supervised.main.shards=1")] {
        let (cut, whole) = (losses(&computed(&[], stage, 1)), losses(&computed(&[setting], stage, 1)));
        for (cut, whole) in cut.iter().zip(&whole) {
            assert!((cut - whole).abs() < 1e-4 * whole, "{stage}: {cut} {whole}");
        }
    }
    let whole = losses(&computed(&["pretrain.main.shards=1"], PRETRAIN, 1));
    let apart = losses(&computed(&["pretrain.main.batch_norm=\"shard\""], PRETRAIN, 1));
    assert!(whole.iter().zip(&apart).any(|(a, b)| (a - b).abs() > 1e-3), "{whole:?} {apart:?}");
}

#[test]
fn micro_batches_change_neither_key_nor_bytes() {
    let settings = ["pretrain.main.batch_norm=\"shard\""];
    let whole = computed(&settings, PRETRAIN, 1);
    let directory = tempfile::tempdir().unwrap();
    let key = |settings: &[&str]| {
        let assembly = assembly(directory.path(), settings);
        assembly.graph.key(assembly.graph.with_name(PRETRAIN).unwrap()).to_owned()
    };
    for micro_batch in ["pretrain.main.micro_batch=4", "pretrain.main.micro_batch=8"] {
        let settings = [settings[0], micro_batch];
        assert_eq!(key(&settings), key(&settings[..1]));
        for ranks in [1, 2] {
            assert!(computed(&settings, PRETRAIN, ranks) == whole, "{micro_batch} on {ranks} ranks");
        }
    }
    assert_ne!(key(&settings), key(&[]));
    assert_ne!(key(&["pretrain.main.shards=1"]), key(&[]));
    assert_eq!(key(&["pretrain.main.shards=1"]), key(&["pretrain.main.shards=1", settings[0]]));
}

/// Stops a run after some training steps.
struct StopAfter {
    steps: u64,
    interrupted: AtomicBool,
}

impl EventSink for StopAfter {
    fn emit(&self, event: &Event) {
        if let Event::Progress { progress, .. } = event
            && progress.training.is_some()
            && progress.done == self.steps
        {
            self.interrupted.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_checkpoint_of_one_number_of_ranks_resumes_with_another() {
    for (stage, settings) in
        [(PRETRAIN, &["pretrain.main.batch_norm=\"shard\""][..]), (PRETRAIN, &[][..]), (SUPERVISED, &[][..])]
    {
        let expected = computed(settings, stage, 1);
        for (before, after) in [(4, 2), (1, 8), (8, 1)] {
            let directory = tempfile::tempdir().unwrap();
            let stop = StopAfter { steps: 4, interrupted: AtomicBool::new(false) };
            let place = (stage, before);
            let stopped = run(directory.path(), settings, place, &options(stage), &stop, &stop.interrupted);
            assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
            let (interrupted, place) = (AtomicBool::new(false), (stage, after));
            let resumed = run(directory.path(), settings, place, &options(stage), &NoEvents, &interrupted).unwrap();
            assert!(resumed == expected, "{stage}: {before} ranks, then {after}");
        }
    }
}

#[test]
fn a_checkpoint_after_every_step_compares_the_ranks_and_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let options = RunOptions { checkpoint_every: Duration::ZERO, ..options(PRETRAIN) };
    let place = (PRETRAIN, 2);
    let files = run(directory.path(), &[], place, &options, &NoEvents, &AtomicBool::new(false)).unwrap();
    assert!(files == computed(&[], PRETRAIN, 1));
}

#[test]
fn a_training_run_that_diverges_ends_on_all_ranks_with_one_error() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["pretrain.main.optimizer={sgd={learning_rate=1e30}}"];
    let place = (PRETRAIN, 4);
    let error = run(directory.path(), &settings, place, &options(PRETRAIN), &NoEvents, &AtomicBool::new(false));
    let error = error.unwrap_err();
    assert!(error.what().contains("training diverged"), "{error}");
    assert_eq!(error.place(), Some(PRETRAIN));
}

#[test]
fn shards_that_cannot_be_divided_are_refused_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let refused = |settings: &[&str]| {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let path = directory.path().join("ranks.toml");
        pipeline::parse(PIPELINE, &path, &settings).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(refused(&["pretrain.main.shards=3"]).contains("which is not a power of two"));
    assert!(refused(&["pretrain.main.batch_size=36"]).contains("cannot be cut into 8 equal shards"));
    assert!(refused(&["pretrain.main.micro_batch=4"]).contains("batch norm over each shard"));
    let norm = "pretrain.main.batch_norm=\"shard\"";
    assert!(refused(&[norm, "pretrain.main.micro_batch=6"]).contains("a shard has 4 images"));
    assert_eq!(refused(&[norm, "pretrain.main.micro_batch=4"]), "");
}
