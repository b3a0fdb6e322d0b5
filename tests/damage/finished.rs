//! A small finished study to be damaged.

use crate::common::artifacts;
use simclr::base::rng::{Rng, below, stream};
use simclr::engine::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PIPELINE: &str = r#"
name = "flips"

[dataset]
source = { shapes = { train = 48, test = 24, classes = 3 } }
image_size = 8

[augment.views]
ops = [{ horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.1 } }
projection = { layers = [8] }
optimizer = { adam = { learning_rate = 2e-3 } }
epochs = 1
batch_size = 16

[linear_eval.main]
from = "main"

[knn_eval.main]
from = "main"
k = 3

[supervised.scratch]
augment = "views"
encoder = { tiny = { width = 0.1 } }
optimizer = { adam = { learning_rate = 2e-3 } }
steps = 3
batch_size = 12

[embed.pca]
from = "main"
method = { pca = {} }
"#;

/// Output directory with a finished run.
pub(crate) struct FinishedStudy {
    pub(crate) file: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) artifacts: BTreeMap<PathBuf, Vec<u8>>,
    pub(crate) report: BTreeMap<PathBuf, Vec<u8>>,
}

impl FinishedStudy {
    pub(crate) fn new(directory: &Path) -> Self {
        let (file, output) = (directory.join("flips.toml"), directory.join("outputs"));
        fs::write(&file, PIPELINE).unwrap();
        let mut study = Self { file, output, artifacts: BTreeMap::new(), report: BTreeMap::new() };
        assert!(study.run().status.success());
        (study.artifacts, study.report) = (artifacts(&study.output), study.report());
        study
    }

    pub(crate) fn run(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.arg("run").arg(&self.file).arg("--output").arg(&self.output).args(["--threads", "1"]);
        command.output().unwrap()
    }

    /// Returns the published tables and plots; the page is left out, since it has times.
    pub(crate) fn report(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let directory = self.output.join("flips/report");
        let below = |name: &str| fs::read_dir(directory.join(name)).unwrap().map(|entry| entry.unwrap().path());
        let files = below("tables").chain(below("plots")).chain([directory.join("results.md")]);
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    /// Returns all nonempty files of all artifacts, including records.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let store = self.output.join("store-v1");
        let content: BTreeSet<PathBuf> = self.artifacts.keys().cloned().collect();
        let directories: BTreeSet<PathBuf> =
            content.iter().filter(|path| !path.starts_with(".locks")).map(|path| artifact(path)).collect();
        let records = directories.iter().map(|directory| directory.join("record.json"));
        let content = content.iter().filter(|path| !path.starts_with(".locks")).cloned();
        let all = content.chain(records).map(|path| store.join(path));
        all.filter(|path| fs::metadata(path).unwrap().len() > 0).collect()
    }

    /// Removes the artifacts computed from the one that contains a file.
    pub(crate) fn remove_dependents(&self, file: &Path) {
        self.dependents(file).iter().for_each(|directory| fs::remove_dir_all(directory).unwrap());
    }

    /// Returns the artifacts computed, directly or indirectly, from the one that contains a file.
    pub(crate) fn dependents(&self, file: &Path) -> BTreeSet<PathBuf> {
        let store = Store::open(&self.output).unwrap();
        let (mut found, mut open) = (BTreeSet::new(), vec![key_of(file)]);
        while let Some(input) = open.pop() {
            for kind in store.kinds() {
                for key in store.keys(&kind) {
                    let reads = store
                        .key_document(&kind, &key)
                        .is_ok_and(|document| document.inputs.values().any(|i| *i == input));
                    if reads && found.insert(store.artifact_path(&kind, &key)) {
                        open.push(key);
                    }
                }
            }
        }
        found
    }
}

/// Returns `KIND/KEY` of a path in the store.
fn artifact(path: &Path) -> PathBuf {
    path.components().take(2).collect()
}

/// Calls `round(study, file, number, rng)` `count` times with a random file of `files`, in as many threads as there are
/// processors. Each thread has its own study, which `round` must restore. Files are sampled uniformly, whatever their
/// size. Returns how often `round` returned true.
pub(crate) fn rounds(
    name: &str,
    count: usize,
    files: impl Fn(&FinishedStudy) -> Vec<PathBuf> + Sync,
    round: impl Fn(&FinishedStudy, &Path, usize, &mut Rng) -> bool + Sync,
) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let work = |worker: usize| {
        let directory = directory.path().join(worker.to_string());
        fs::create_dir(&directory).unwrap();
        let study = FinishedStudy::new(&directory);
        let files = files(&study);
        let is_true = |number: &usize| {
            let mut rng = stream(1, name, &[*number as u64]);
            let file = &files[below(files.len() as u64, &mut rng) as usize];
            round(&study, file, *number, &mut rng)
        };
        (worker..count).step_by(workers).filter(is_true).count()
    };
    let work = &work;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    })
}

/// Returns the key of the artifact that contains a file.
pub(crate) fn key_of(path: &Path) -> String {
    let name = |directory: &Path| Some(directory.file_name()?.to_str()?.to_owned());
    path.ancestors().filter_map(name).find(|name| name.len() == 32).unwrap()
}
