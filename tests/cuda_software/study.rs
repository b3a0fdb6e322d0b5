//! A study of tiny networks, and comparisons of its results with those of the CPU.

use crate::run::{Outcome, run};
use crate::toolchain::Toolchain;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PIPELINE: &str = r#"
name = "software"
seed = 3

[dataset]
source = { shapes = { train = 60, test = 24, classes = 3 } }
image_size = 16
validation_fraction = 0.2

[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [16, 8] }
optimizer = { sgd = { learning_rate = 0.05, momentum = 0.9 } }
epochs = 3
batch_size = 16

[pretrain.half]
augment = "views"
encoder = { resnet18 = { width = 0.1875, stem = "cifar", zero_init_residual = true } }
precision = "bf16"
projection = { layers = [8] }
optimizer = { lars = { learning_rate = 0.1 } }
epochs = 1
batch_size = 16

[linear_eval.main]
from = "main"
epochs = 3

[knn_eval.main]
from = "main"

[supervised.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 2
batch_size = 16
"#;

/// A pipeline file and its output in a temporary directory.
pub(crate) struct Study {
    directory: TempDir,
}

impl Study {
    pub(crate) fn new() -> Self {
        Self::of(PIPELINE)
    }

    pub(crate) fn of(pipeline: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("study.toml"), pipeline).unwrap();
        Self { directory }
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.directory.path().join("out")
    }

    /// The arguments of a run on a device, with a checkpoint after every step.
    pub(crate) fn arguments(&self, device: &str) -> Vec<String> {
        self.arguments_into(&self.output(), device)
    }

    /// The same with output in another directory.
    pub(crate) fn arguments_into(&self, output: &Path, device: &str) -> Vec<String> {
        let file = self.directory.path().join("study.toml");
        let options = ["--device", device, "--threads", "2", "--checkpoint-every", "0", "--output"];
        let paths = |path: &Path| path.display().to_string();
        let start = ["run".to_owned(), paths(&file)].into_iter().chain(options.map(str::to_owned));
        start.chain([paths(output)]).collect()
    }

    /// Runs the study with more arguments, and with settings of the software device.
    pub(crate) fn run(&self, toolchain: &Toolchain, device: &str, more: &[&str], settings: &[(&str, &str)]) -> Outcome {
        let arguments = self.arguments(device);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        run(toolchain, &toolchain.program, &arguments, settings)
    }

    /// Returns the files of a name in the store, by kind and key.
    pub(crate) fn files(&self, name: &str) -> BTreeMap<PathBuf, String> {
        let store = self.output().join("store-v1");
        let mut found = BTreeMap::new();
        for kind in directories(&store) {
            for artifact in directories(&kind) {
                if let Ok(text) = fs::read_to_string(artifact.join(name)) {
                    found.insert(artifact.strip_prefix(&store).unwrap().to_owned(), text);
                }
            }
        }
        found
    }

    /// Whether a pretraining run has written a checkpoint.
    pub(crate) fn has_checkpoint(&self) -> bool {
        let names = |path: &Path| -> Vec<PathBuf> {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
        };
        let stages = names(&self.output().join("store-v1/pretrain"));
        let checkpoints = stages.iter().filter(|path| path.extension().is_some_and(|end| end == "checkpoints"));
        checkpoints.flat_map(|path| names(path)).any(|path| path.extension().is_some_and(|end| end == "safetensors"))
    }
}

fn directories(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.is_dir()).collect()
}

/// Compares the training histories of two studies, number by number.
pub(crate) fn assert_same_histories(ours: &Study, expected: &Study) {
    let (histories, others) = (ours.files("history.csv"), expected.files("history.csv"));
    assert_eq!(histories.keys().collect::<Vec<_>>(), others.keys().collect::<Vec<_>>());
    assert!(histories.len() >= 4, "{:?}", histories.keys());
    let keys = ours.files("key.json");
    for (artifact, history) in &histories {
        let tolerance = if keys[artifact].contains("bf16") { 0.05 } else { 1e-3 };
        let cells = |text: &str| -> Vec<String> { text.split([',', '\n']).map(str::to_owned).collect() };
        let (cells, others) = (cells(history), cells(&others[artifact]));
        assert_eq!(cells.len(), others.len(), "{artifact:?}");
        for (cell, other) in cells.iter().zip(&others) {
            let same = match (cell.parse::<f64>(), other.parse::<f64>()) {
                (Ok(a), Ok(b)) => (a - b).abs() <= tolerance * (1.0 + b.abs()),
                _ => cell == other,
            };
            assert!(same, "{artifact:?}: {cell} instead of {other}\n{history}");
        }
    }
}
