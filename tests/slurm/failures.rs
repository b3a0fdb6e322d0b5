//! Tasks, nodes and variants that fail.

use crate::common::artifacts;
use crate::nodes::{Nodes, done, kill};
use crate::{TWO, cluster, local_store, sweep};
use std::fs;

/// Waits until a task trains, and returns the record of its start.
fn training(nodes: &Nodes) -> serde_json::Value {
    let start = || {
        let trains = |life: &std::path::PathBuf| {
            let events = fs::read_to_string(life.join("events.jsonl")).unwrap_or_default();
            events.contains("pretrain.main") && events.contains("\"training\"") && !life.join("end.json").exists()
        };
        let life = nodes.lives().into_iter().find(trains)?;
        serde_json::from_str(&fs::read_to_string(life.join("start.json")).ok()?).ok()
    };
    nodes.wait_for("a task trains", || start().is_some());
    start().unwrap()
}

#[test]
fn a_killed_task_is_computed_again() {
    let Some(nodes) = cluster() else { return };
    let text = sweep(200, TWO);
    nodes.write(&text, "");
    let following = nodes.spawn(&["run", "sweep.toml", "--executor", "slurm"]);
    kill("-9", &training(&nodes)["process"].to_string());
    let (code, said) = done(following.wait_with_output().unwrap());
    assert!(code == 0 && said.contains("was lost"), "{said}");
    assert!(artifacts(&nodes.output()) == local_store(&text), "the artifacts differ\n{said}");
}

#[test]
fn a_node_that_fails_costs_no_artifact() {
    let Some(nodes) = cluster() else { return };
    let text = sweep(200, TWO);
    nodes.write(&text, "");
    let following = nodes.spawn(&["run", "sweep.toml", "--executor", "slurm"]);
    let start = training(&nodes);
    let node = start["node"].as_str().unwrap();
    // The daemon dies; the task that it had started lives on, an orphan.
    kill("-9", &nodes.pid(node).unwrap());
    let (code, said) = done(following.wait_with_output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert!(artifacts(&nodes.output()) == local_store(&text), "the artifacts differ\n{said}");
    let models = artifacts(&nodes.output()).into_keys().filter(|path| path.ends_with("model.safetensors")).count();
    assert_eq!(models, 2, "one artifact each");
    nodes.daemon(node);
}

#[test]
fn a_failing_variant_fails_alone_and_a_canceled_run_stops() {
    let Some(nodes) = cluster() else { return };
    nodes.write(&sweep(3, "\"pretrain.main.optimizer.adam.learning_rate\" = [1e-3, 1e30, 2e-3]\n"), "");
    let (code, said) = nodes.run(&["run", "sweep.toml", "--executor", "slurm"]);
    assert_eq!(code, 5, "{said}");
    let models = artifacts(&nodes.output()).into_keys().filter(|path| path.ends_with("model.safetensors")).count();
    assert_eq!(models, 2, "the rest is done\n{said}");
    assert_eq!(nodes.run(&["collect", "latest"]).0, 5);

    nodes.write(&sweep(100_000, TWO), "");
    assert_eq!(nodes.run(&["submit", "sweep.toml"]).0, 0);
    training(&nodes);
    let (_, said) = nodes.run(&["status", "latest"]);
    assert!(said.contains("running") && said.contains(" n"), "{said}");
    assert_eq!(nodes.run(&["cancel", "latest"]).0, 0);
    // The tasks save checkpoints and do not ask to start again.
    nodes.wait_for("they end", || {
        !["RUNNING", "PENDING", "COMPLETING"].iter().any(|state| nodes.queue().contains(state))
    });
    let pretrained = nodes.output().join("store-v1/pretrain");
    let kept = fs::read_dir(pretrained).unwrap().map(|entry| entry.unwrap().path());
    let kept = kept.filter(|path| path.to_string_lossy().ends_with(".checkpoints"));
    let steps = kept.flat_map(|path| fs::read_dir(path).unwrap()).map(|entry| entry.unwrap().file_name());
    assert!(steps.filter(|name| name.to_string_lossy().starts_with("step-")).count() > 0, "a checkpoint is kept");
    assert_eq!(nodes.requeued(), 0);
}
