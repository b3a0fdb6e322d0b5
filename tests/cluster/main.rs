//! Submitted runs with a queue of shell scripts that fails in every way that a queue can: it refuses, hangs, answers
//! nothing, forgets and loses. Whatever it does, a run ends in the artifacts of a local run or says what is wrong, and
//! nothing that may live is submitted twice.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod fake;
mod losses;
mod settings;
mod silence;
mod tasks;

use common::artifacts;
use fake::{Fake, local_store};

#[test]
fn a_sweep_ends_in_the_artifacts_of_a_local_run() {
    let fake = Fake::new("");
    fake.set("squeue.mode", "noise");
    let (code, text) = fake.run(&["run", "sweep.toml", "--executor", "slurm", "--cluster", "cluster.toml"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(artifacts(&fake.output()), *local_store(), "{text}");
    let run = fake.run_directory();
    let record = std::fs::read_to_string(run.join("run.json")).unwrap();
    assert!(record.contains("\"status\": \"finished\"") && record.contains("\"computed\": "), "{record}");
    assert!(run.join("report/index.html").exists());
    let script = std::fs::read_to_string(run.join("cluster/arrays/2.sh")).unwrap();
    for line in
        ["#SBATCH --array=0-1%8", "#SBATCH --requeue", "#SBATCH --signal=USR2@180", "exec srun --kill-on-bad-exit=1"]
    {
        assert!(script.contains(line), "{line} in\n{script}");
    }
    let calls = fake.calls("sbatch");
    assert_eq!(calls.len(), 2, "what is shared, then one array: {calls:?}");
    assert!(
        !calls[0].contains("--dependency") && calls[1].contains("--dependency=afterany:81 --kill-on-invalid-dep=yes")
    );
    let (code, text) = fake.run(&["collect", "latest"]);
    assert!(code == 0 && text.contains("report: "), "collecting again changes nothing: {text}");
    assert_eq!(fake.calls("sbatch").len(), 2);
    let (code, text) = fake.run(&["run", "sweep.toml"]);
    assert!(code == 0 && text.contains("computed 0"), "{text}");
}

#[test]
fn submit_returns_and_collect_finishes_from_elsewhere() {
    let fake = Fake::new("");
    let (code, text) = fake.run(&["submit", "sweep.toml", "--cluster", "cluster.toml"]);
    assert!(code == 0 && text.contains("simclr collect sweep/"), "{text}");
    let (_, text) = fake.run(&["status", "latest"]);
    assert!(text.contains("submitted") && text.contains("81_0") && text.contains("3 tasks: 3 done"), "{text}");
    // The pipeline file is edited after the submission, and the collection starts in another directory.
    fake.write("sweep.toml", "seed = 7\n");
    let output = fake.output();
    let (code, text) = fake.run_in(&std::env::temp_dir(), &["collect", "sweep", "--output", output.to_str().unwrap()]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(artifacts(&output), *local_store(), "{text}");
}

#[test]
fn a_failing_variant_fails_alone() {
    let fake = Fake::new("\"pretrain.main.optimizer.sgd.learning_rate\" = [0.05, 1e30]\n");
    let (code, text) = fake.run(&["run", "sweep.toml", "--executor", "slurm", "--cluster", "cluster.toml", "--quiet"]);
    assert_eq!(code, 5, "{text}");
    assert!(text.contains("diverged") || text.contains("not finite") || text.contains("error:"), "{text}");
    let alone = fake.path("alone");
    let (local, text) =
        fake.run(&["run", "sweep.toml", "--output", alone.to_str().unwrap(), "--keep-going", "--quiet"]);
    assert_eq!(local, 5, "{text}");
    assert_eq!(fake::without_report(&fake.output()), fake::without_report(&alone));
    let record = std::fs::read_to_string(fake.run_directory().join("run.json")).unwrap();
    assert!(record.contains("\"status\": \"partial\"") && record.contains("\"status\": \"skipped\""), "{record}");
    assert_eq!(fake.calls("sbatch").len(), 2, "a failure is not submitted again");
    assert_eq!(fake.run(&["collect", "latest"]).0, 5, "and collecting again ends the same");
}

#[test]
fn a_run_in_the_background_of_this_machine_ends_the_same() {
    let fake = Fake::new("");
    let (code, text) = fake.run(&["submit", "sweep.toml", "--executor", "local"]);
    assert_eq!(code, 0, "{text}");
    let (code, text) = fake.run(&["collect", "latest", "--wait"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(artifacts(&fake.output()), *local_store());
}
