//! Training on processes that an MPI launcher starts, with both libraries where they are installed.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops by panicking, or says why not"
)]

mod common;
#[path = "common/ranks.rs"]
mod ranks;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The launchers of both libraries; their names on Debian, else `mpirun` of whichever it is.
const LAUNCHERS: [&str; 2] = ["mpirun.openmpi", "mpirun.mpich"];
const LIMIT: Duration = Duration::from_secs(120);

/// Returns the launchers that are installed.
fn launchers() -> Vec<&'static str> {
    let exists = |name: &&str| Command::new(name).arg("--version").stdout(Stdio::null()).status().is_ok();
    let found: Vec<_> = LAUNCHERS.into_iter().filter(exists).collect();
    if found.is_empty() {
        eprintln!("skipped: neither {} nor {} is installed", LAUNCHERS[0], LAUNCHERS[1]);
    }
    found
}

struct Study {
    directory: tempfile::TempDir,
}

impl Study {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("mpi.toml"), ranks::PIPELINE).unwrap();
        Self { directory }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the arguments of a run into the directory `output`.
    fn arguments(&self, output: &str, more: &[&str]) -> Vec<String> {
        let (file, output) = (self.path().join("mpi.toml"), self.path().join(output));
        let paths = [file, output].map(|path| path.display().to_string());
        let fixed = ["run", &paths[0], "--output", &paths[1], "--only", "pretrain", "--quiet", "--threads", "1"];
        let fixed = [&fixed[..], &["--device", "cpu"]].concat();
        fixed.iter().copied().chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Returns a launch of ranks.
    fn launch(&self, launcher: &str, ranks: usize, output: &str, more: &[&str]) -> Command {
        let mut command = Command::new(launcher);
        if launcher.contains("openmpi") {
            command.arg("--oversubscribe");
        }
        command.args(["-np", &ranks.to_string(), env!("CARGO_BIN_EXE_simclr")]);
        command.args(self.arguments(output, &[more, &["--ranks", "auto"]].concat()));
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1").env_remove("SIMCLR_MPI");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a single process without MPI.
    fn alone(&self, output: &str, more: &[&str]) {
        let status = Command::new(env!("CARGO_BIN_EXE_simclr")).args(self.arguments(output, more)).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    }

    fn artifacts(&self, output: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut artifacts = common::artifacts(&self.path().join(output));
        artifacts.retain(|path, _| path.starts_with("pretrain"));
        assert!(!artifacts.is_empty());
        artifacts
    }
}

/// Waits for a process, but not for ever.
fn finish(mut child: Child) -> Output {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > LIMIT {
            child.kill().unwrap();
            panic!("still running: {}", String::from_utf8_lossy(&child.wait_with_output().unwrap().stderr));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    child.wait_with_output().unwrap()
}

fn run(mut command: Command) -> (i32, String) {
    let output = finish(command.spawn().unwrap());
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Returns the process of this rank of a run into a directory.
fn process(rank: usize, output: &Path) -> Option<u32> {
    ranks::process(rank, &["OMPI_COMM_WORLD_RANK", "PMI_RANK"], &output.display().to_string())
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Waits until a run has written a checkpoint.
fn wait_for_checkpoint(output: &Path) {
    let start = Instant::now();
    while !ranks::has_checkpoint(output) {
        assert!(start.elapsed() < LIMIT, "no checkpoint below {}", output.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A run of several seconds with a checkpoint after every step.
const LONG: [&str; 4] = ["--set", "pretrain.main.epochs=300", "--checkpoint-every", "0"];

#[test]
fn both_libraries_and_any_number_of_ranks_give_the_bytes_of_one_process() {
    let study = Study::new();
    study.alone("alone", &[]);
    for launcher in launchers() {
        for ranks in [1, 2, 4] {
            let output = format!("{launcher}-{ranks}");
            let (code, text) = run(study.launch(launcher, ranks, &output, &[]));
            assert_eq!(code, 0, "{launcher} with {ranks} ranks: {text}");
            assert!(study.artifacts(&output) == study.artifacts("alone"), "{launcher} with {ranks} ranks");
        }
    }
}

#[test]
fn a_launcher_of_the_other_library_is_refused() {
    let study = Study::new();
    let both = launchers();
    if both.len() < 2 {
        return;
    }
    for (launcher, library) in [(both[0], "libmpich.so.12"), (both[1], "libmpi.so.40")] {
        let mut command = study.launch(launcher, 2, "output", &[]);
        command.env("SIMCLR_MPI", library);
        let (code, text) = run(command);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("started 2 ranks, but") && text.contains("sees 1"), "{text}");
    }
    assert!(!study.path().join("output/store-v1/pretrain").exists());
}

#[test]
fn ranks_that_differ_or_cannot_divide_the_shards_are_refused_by_one_message() {
    let study = Study::new();
    for launcher in launchers() {
        let (code, text) = run(study.launch(launcher, 3, "output", &[]));
        assert_eq!((code, text.matches("3 ranks cannot divide 4 shards").count()), (2, 1), "{text}");
        let mut command = study.launch(launcher, 1, "output", &[]);
        command.args([":", "-np", "1", env!("CARGO_BIN_EXE_simclr")]);
        command.args(study.arguments("output", &["--ranks", "auto", "--set", "seed=5"]));
        let (code, text) = run(command);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains("rank 0 is \"simclr") && text.contains("but rank 1 on"), "{text}");
    }
}

#[test]
fn a_diverging_run_ends_with_one_message() {
    let study = Study::new();
    for launcher in launchers() {
        let settings = ["--set", "pretrain.main.optimizer={sgd={learning_rate=1e30}}"];
        let (code, text) = run(study.launch(launcher, 2, "output", &settings));
        assert_eq!((code, text.matches("training diverged").count()), (3, 1), "{text}");
    }
}

#[test]
fn a_killed_rank_ends_the_run_which_resumes_on_another_number_of_ranks() {
    let study = Study::new();
    let launchers = launchers();
    if launchers.is_empty() {
        return;
    }
    study.alone("alone", &LONG[..2]);
    for launcher in launchers {
        let output = study.path().join(launcher);
        let child = study.launch(launcher, 4, launcher, &LONG).spawn().unwrap();
        wait_for_checkpoint(&output);
        signal("-KILL", process(1, &output).unwrap_or_else(|| panic!("{launcher}: rank 1 has ended")));
        assert!(!finish(child).status.success());
        let (code, text) = run(study.launch(launcher, 2, launcher, &LONG[..2]));
        assert_eq!(code, 0, "{text}");
        assert!(study.artifacts(launcher) == study.artifacts("alone"), "{launcher}");
    }
}

#[test]
fn a_signal_to_one_rank_stops_all_after_a_checkpoint() {
    let study = Study::new();
    for launcher in launchers() {
        let output = study.path().join(launcher);
        let child = study.launch(launcher, 2, launcher, &LONG).spawn().unwrap();
        wait_for_checkpoint(&output);
        signal("-USR2", process(1, &output).unwrap_or_else(|| panic!("{launcher}: rank 1 has ended")));
        let ended = finish(child);
        let text = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{text}");
        assert!(text.contains("run again to resume"), "{text}");
    }
}

#[test]
fn a_rank_that_hangs_ends_the_run_with_a_message() {
    let study = Study::new();
    for launcher in launchers() {
        let output = study.path().join(launcher);
        let timeout = [&LONG[..], &["--step-timeout", "0.03"]].concat();
        let child = study.launch(launcher, 2, launcher, &timeout).spawn().unwrap();
        wait_for_checkpoint(&output);
        let stopped = process(1, &output).unwrap_or_else(|| panic!("{launcher}: rank 1 has ended"));
        signal("-STOP", stopped);
        let ended = finish(child);
        let text = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success());
        assert!(text.contains("on rank 0") && text.contains("another rank hangs or has died"), "{text}");
    }
}

#[test]
fn without_a_library_the_message_says_what_to_install() {
    let study = Study::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
    command.args(study.arguments("output", &["--ranks", "auto"]));
    command.env("OMPI_COMM_WORLD_SIZE", "2").env("SIMCLR_MPI", "/nonexistent/libmpi.so");
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("/nonexistent/libmpi.so") && text.contains("install Open MPI or MPICH"), "{text}");
}
