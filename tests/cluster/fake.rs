//! The queue of shell scripts, and a small sweep.

use crate::common::artifacts;
use assert_cmd::Command;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;

/// The commands.
const SCRIPTS: [(&str, &str); 5] = [
    ("sbatch", include_str!("fake/sbatch.sh")),
    ("squeue", include_str!("fake/squeue.sh")),
    ("scontrol", include_str!("fake/scontrol.sh")),
    ("scancel", include_str!("fake/scancel.sh")),
    ("srun", include_str!("fake/srun.sh")),
];

/// Two variants of a tiny network.
pub(crate) const SWEEP: &str = r#"
name = "sweep"
seed = 1

[dataset]
source = { shapes = { train = 60, test = 30, classes = 3 } }
image_size = 16

[augment.views]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { tiny = { width = 0.25 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 2
batch_size = 16

[knn_eval.main]
from = "main"
k = 5

[sweep]
"#;
const TEMPERATURES: &str = "\"pretrain.main.loss.nt_xent.temperature\" = [0.1, 0.5]\n";

/// Settings that waste no time.
const CLUSTER: &str = "[executor.slurm]\nlatency = \"1 s\"\npoll = \"0.2 s\"\nsubmit_limit = \"120 s\"\nthrottle = 8\n\n\
                       [executor.slurm.resources.default]\nmemory = \"400 MB\"\n";

/// A directory with the commands of Slurm, a pipeline and settings.
pub(crate) struct Fake(TempDir);

impl Fake {
    /// `sweep` replaces what is swept, if it is not empty.
    pub(crate) fn new(sweep: &str) -> Self {
        let fake = Self(tempfile::tempdir().unwrap());
        fs::create_dir(fake.path("bin")).unwrap();
        for (name, text) in SCRIPTS {
            let path = fake.path("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(fake.path("state")).unwrap();
        fake.write("sweep.toml", &format!("{SWEEP}{}", if sweep.is_empty() { TEMPERATURES } else { sweep }));
        fake.write("cluster.toml", CLUSTER);
        fake
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.path("outputs")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Asks the queue to do something wrong.
    pub(crate) fn set(&self, name: &str, mode: &str) {
        self.write(&format!("state/{name}"), &format!("{mode}\n"));
    }

    /// Returns the calls of a command so far.
    pub(crate) fn calls(&self, command: &str) -> Vec<String> {
        let calls = fs::read_to_string(self.path("state/calls")).unwrap_or_default();
        calls.lines().filter(|line| line.split(' ').next() == Some(command)).map(str::to_owned).collect()
    }

    /// Returns a call of the program with the queue on its path.
    pub(crate) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        let path = std::env::var("PATH").unwrap();
        command.current_dir(directory).args(arguments);
        command.env("PATH", format!("{}:{path}", self.path("bin").display())).env("FAKE", self.path("state"));
        command.env("RAYON_NUM_THREADS", "1").env("XDG_CONFIG_HOME", self.path("none")).env_remove("SIMCLR_CLUSTER");
        command.timeout(std::time::Duration::from_secs(300));
        command
    }

    /// Calls the program in its directory; returns the exit code and what it printed.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        self.run_in(self.0.path(), arguments)
    }

    pub(crate) fn run_in(&self, directory: &Path, arguments: &[&str]) -> (i32, String) {
        let done = self.command(directory, arguments).output().unwrap();
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        (done.status.code().unwrap_or(-1), text)
    }

    /// Submits the sweep; returns the exit code and what it printed.
    pub(crate) fn submit(&self) -> (i32, String) {
        self.run(&["submit", "sweep.toml", "--cluster", "cluster.toml"])
    }

    /// Returns the directory of the only run.
    pub(crate) fn run_directory(&self) -> PathBuf {
        let runs = fs::read_dir(self.output().join("runs/sweep")).unwrap().map(|entry| entry.unwrap().path());
        let mut runs: Vec<PathBuf> = runs.filter(|path| !path.is_symlink()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }
}

/// Returns the artifacts without the report, which names the run's failures.
pub(crate) fn without_report(output: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut artifacts = artifacts(output);
    artifacts.retain(|path, _| !path.starts_with("report"));
    artifacts
}

/// The artifacts of a local run of the sweep.
pub(crate) fn local_store() -> &'static BTreeMap<PathBuf, Vec<u8>> {
    static STORE: LazyLock<BTreeMap<PathBuf, Vec<u8>>> = LazyLock::new(|| {
        let fake = Fake::new("");
        let (code, text) = fake.run(&["run", "sweep.toml", "--quiet"]);
        assert_eq!(code, 0, "{text}");
        artifacts(&fake.output())
    });
    &STORE
}
