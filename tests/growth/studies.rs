//! Studies of many stages, and commands on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PIPELINE: &str = r#"
[dataset]
source = { shapes = { train = 60, test = 20, classes = 2 } }
image_size = 8

[augment.views]
ops = [{ horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 0
batch_size = 8
"#;

const EVALUATIONS: &str = r#"
[linear_eval.main]
from = "main"
depths = [0, 1]

[knn_eval.main]
from = "main"
k = 5
"#;

/// A directory with a pipeline file, and outputs.
pub(crate) struct Study {
    directory: tempfile::TempDir,
}

impl Study {
    fn new(more: &str) -> Self {
        let study = Self { directory: tempfile::tempdir().unwrap() };
        study.write(&format!("{PIPELINE}{more}"));
        study
    }

    /// A sweep over so many seeds, of nine stages each.
    pub(crate) fn sweep(seeds: usize) -> Self {
        let values: Vec<String> = (0..seeds).map(|seed| seed.to_string()).collect();
        Self::new(&format!("{EVALUATIONS}[sweep]\nseed = [{}]\n", values.join(", ")))
    }

    /// The same with the artifacts of one seed, with which each missing artifact is compared.
    pub(crate) fn sweep_after_a_run(seeds: usize) -> Self {
        let study = Self::sweep(seeds);
        let sweep = fs::read_to_string(study.file()).unwrap();
        study.write(sweep.split("[sweep]").next().unwrap());
        study.simclr("run");
        study.write(&sweep);
        study
    }

    /// A finished run of two evaluations for each of so many fractions of the labels.
    pub(crate) fn finished(fractions: usize) -> Self {
        let values = (0..fractions).map(|number| (0.1 + 0.9 * number as f64 / fractions as f64).to_string());
        let values = values.collect::<Vec<_>>().join(", ");
        let knn = format!("[knn_eval.main]\nfrom = \"main\"\ndepths = [0, 1]\nk = 3\nlabeled_fraction = [{values}]\n");
        let study = Self::new(&knn);
        study.simclr("run");
        study
    }

    /// A file of so many mistakes, keys or tables that do not exist.
    pub(crate) fn mistakes(lines: usize, line: fn(usize) -> String) -> Self {
        let study = Self::new("");
        study.write(&(0..lines).map(line).collect::<Vec<_>>().join("\n"));
        study
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("pipeline.toml")
    }

    /// Runs a command on the file and returns its exit code and what it printed.
    pub(crate) fn command(&self, command: &str) -> (Option<i32>, String) {
        let program = Path::new(env!("CARGO_BIN_EXE_simclr"));
        let mut run = Command::new(program);
        run.arg(command).arg(self.file()).arg("--output").arg(self.directory.path());
        let run = run.output().unwrap();
        (run.status.code(), String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr))
    }

    /// The same for a command that succeeds.
    pub(crate) fn simclr(&self, command: &str) -> String {
        let (code, text) = self.command(command);
        assert_eq!(code, Some(0), "{text}");
        text
    }
}
