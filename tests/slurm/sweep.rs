//! Sweeps that end in the artifacts of a local run, whatever happens on the way.

use crate::common::artifacts;
use crate::nodes::{done, kill};
use crate::{TWELVE, TWELVE_LOCAL, TWO, cluster, cluster_that_forgets, local_store, sweep};

#[test]
fn a_sweep_of_twelve_ends_as_a_local_run_though_the_submitter_and_the_controller_die() {
    let Some(nodes) = cluster() else { return };
    nodes.write(&sweep(3, TWELVE), "");
    let mut submitter = nodes.spawn(&["run", "sweep.toml", "--executor", "slurm"]);
    nodes.wait_for("all is submitted", || nodes.queue().lines().count() == 13);
    kill("-9", &child_of(submitter.id()));
    submitter.wait().unwrap();
    let (_, text) = nodes.run(&["status", "sweep"]);
    assert!(text.contains("submitted") && text.contains("13 tasks"), "{text}");
    // Another process elsewhere collects, and the controller goes away for a while.
    let output = nodes.output();
    let elsewhere = nodes.path("tmp");
    let arguments = ["collect", "sweep", "--wait", "--output", output.to_str().unwrap()];
    kill("-TERM", &nodes.pid("slurmctld").unwrap());
    let collecting = nodes.program(&elsewhere, &arguments).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    nodes.controller();
    let (code, text) = done(collecting.wait_with_output().unwrap());
    assert_eq!(code, 0, "{text}");
    assert!(artifacts(&output) == *TWELVE_LOCAL, "the artifacts differ\n{text}");
    // The arrays were cut at the cluster's limit of six.
    assert!(nodes.run_directory().join("cluster/arrays/3.sh").exists());
    assert!(nodes.run_directory().join("report/index.html").exists());
}

#[test]
fn a_full_queue_is_waited_for_and_jobs_that_the_controller_has_forgotten_are_done() {
    let Some(nodes) = cluster_that_forgets(3) else { return };
    nodes.write(&sweep(3, TWELVE), "submit_limit = \"3 s\"\n");
    // The cluster takes 20 jobs at most, those included that ended a moment ago.
    let filler = nodes.slurm("sbatch", &["--parsable", "--hold", "--array=0-5", "--mem=1M", "--wrap", "true"]);
    let first = String::from_utf8_lossy(&filler.stdout).trim().to_owned();
    nodes.slurm("sbatch", &["--parsable", "--hold", "--array=0-4", "--mem=1M", "--wrap", "true"]);
    let following = nodes.spawn(&["run", "sweep.toml", "--executor", "slurm"]);
    nodes.wait_for("the queue is full", || {
        let arrays = nodes.output().join("runs/sweep/latest/cluster/arrays");
        arrays.join("3.call-1.json").exists() || arrays.join("2.call-2.json").exists()
    });
    std::thread::sleep(std::time::Duration::from_secs(4));
    nodes.slurm("scancel", &[&first]);
    let (code, text) = done(following.wait_with_output().unwrap());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("not everything is submitted yet"), "{text}");
    assert!(artifacts(&nodes.output()) == *TWELVE_LOCAL, "the artifacts differ\n{text}");
}

#[test]
fn a_preempted_and_requeued_sweep_ends_as_a_local_run() {
    let Some(nodes) = cluster() else { return };
    let text = sweep(600, TWO);
    nodes.write(&text, "partition = \"low\"\n");
    let following = nodes.spawn(&["run", "sweep.toml", "--executor", "slurm"]);
    nodes.wait_for("both train", || {
        nodes.events().matches("pretrain.main").count() > 4 && nodes.queue().matches("RUNNING").count() == 2
    });
    // Jobs of the other partition need every node.
    nodes.slurm("sbatch", &["-N", "4", "--exclusive", "-t", "1", "--wrap", "sleep 3"]);
    nodes.wait_for("they start again", || nodes.requeued() >= 2);
    let (code, said) = done(following.wait_with_output().unwrap());
    assert_eq!(code, 0, "{said}");
    assert!(nodes.events().contains("\"resumed\""), "they continue from their checkpoints");
    assert!(artifacts(&nodes.output()) == local_store(&text), "the artifacts differ\n{said}");
}

/// Minutes long: run with `--ignored`.
#[test]
#[ignore = "takes minutes"]
fn a_time_limit_of_a_minute_costs_nothing_but_time() {
    let Some(nodes) = cluster() else { return };
    let text = sweep(4400, TWO);
    nodes.write(&text, "");
    let settings = std::fs::read_to_string(nodes.path("work/cluster.toml")).unwrap();
    std::fs::write(nodes.path("work/cluster.toml"), settings.replace("3 min", "1 min")).unwrap();
    let (code, said) = nodes.run(&["run", "sweep.toml", "--executor", "slurm"]);
    assert_eq!(code, 0, "{said}");
    assert!(nodes.requeued() >= 4, "each of the two starts three times or more: {}", nodes.requeued());
    assert!(artifacts(&nodes.output()) == local_store(&text), "the artifacts differ\n{said}");
}

/// Returns the process that `timeout` runs.
fn child_of(pid: u32) -> String {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().unwrap().to_owned()
}
