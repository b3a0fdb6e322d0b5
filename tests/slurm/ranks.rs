//! Training on ranks that `srun` starts, with both MPI libraries where Slurm can start their processes.

use crate::cluster;
use crate::common::artifacts;
use crate::nodes::{Nodes, done, kill};
use crate::rank_processes;
use std::fs;
use std::process::{Child, Command, Stdio};

/// Slurm's plugins with the libraries that they suit, and the package of Debian that the plugin needs.
const PLUGINS: [(&str, &str, &str); 2] =
    [("pmix", "libmpi.so.40", "libopenmpi3 and libpmix-dev"), ("pmi2", "libmpich.so.12", "libmpich12")];

/// A cluster with a pipeline of so many epochs.
fn cluster_with(epochs: u32) -> Option<Nodes> {
    let nodes = cluster()?;
    let pipeline = rank_processes::PIPELINE.replace("epochs = 2", &format!("epochs = {epochs}"));
    fs::write(nodes.path("work/ranks.toml"), pipeline).unwrap();
    Some(nodes)
}

/// The plugins that work here; says which do not.
fn plugins(nodes: &Nodes) -> Vec<&'static str> {
    let works = |(plugin, library, packages): &(&str, &str, &str)| -> bool {
        let has_library = Command::new("ldconfig")
            .arg("-p")
            .output()
            .is_ok_and(|libraries| String::from_utf8_lossy(&libraries.stdout).contains(library));
        let plugin = format!("--mpi={plugin}");
        let works = has_library && nodes.slurm("srun", &["--mem=100M", &plugin, "true"]).status.success();
        if !works {
            eprintln!("skipped: srun {plugin} needs {packages} (Debian)");
        }
        works
    };
    PLUGINS.into_iter().filter(works).map(|(plugin, ..)| plugin).collect()
}

/// Starts ranks of a run on nodes.
fn start(nodes: &Nodes, plugin: &str, (on, ranks): (usize, usize), output: &str, more: &[&str]) -> Child {
    let mut command = Command::new("timeout");
    command.args(["100", "srun", "--kill-on-bad-exit=1", "--mem=300M", "--overcommit"]);
    command.args([format!("--mpi={plugin}"), format!("--nodes={on}"), format!("--ntasks={ranks}")]);
    command.args([env!("CARGO_BIN_EXE_simclr"), "run", "ranks.toml", "--only", "pretrain", "--quiet"]);
    command.args(["--ranks", "auto", "--threads", "1", "--output", output]).args(more);
    command.current_dir(nodes.path("work")).env("SLURM_CONF", nodes.path("slurm.conf")).env_remove("SIMCLR_MPI");
    // The nodes are one host, which Open MPI does not know: it would look for shared memory that is not there.
    command.env("OMPI_MCA_btl", "tcp,self");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Trains in one process, without Slurm.
fn alone(nodes: &Nodes) {
    let arguments = ["run", "ranks.toml", "--only", "pretrain", "--quiet", "--output", "alone"];
    let (code, text) = nodes.run(&arguments);
    assert_eq!(code, 0, "{text}");
}

fn assert_same(nodes: &Nodes, output: &str) {
    let of = |output: &str| artifacts(&nodes.path("work").join(output));
    assert!(of(output) == of("alone"), "the artifacts of {output} differ");
}

#[test]
fn ranks_of_a_job_step_write_the_bytes_of_one_process() {
    let Some(nodes) = cluster_with(2) else { return };
    alone(&nodes);
    for plugin in plugins(&nodes) {
        for (on, ranks) in [(1, 2), (2, 2), (2, 4)] {
            let output = format!("{plugin}-{on}-{ranks}");
            let (code, text) = done(start(&nodes, plugin, (on, ranks), &output, &[]).wait_with_output().unwrap());
            assert_eq!(code, 0, "{output}: {text}");
            assert_same(&nodes, &output);
        }
    }
}

#[test]
fn a_killed_rank_of_a_job_step_ends_it_and_the_run_resumes_on_fewer() {
    let Some(nodes) = cluster_with(150) else { return };
    alone(&nodes);
    for plugin in plugins(&nodes) {
        let step = start(&nodes, plugin, (2, 4), plugin, &["--checkpoint-every", "0"]);
        nodes.wait_for("a checkpoint", || rank_processes::has_checkpoint(&nodes.path("work").join(plugin)));
        let killed = process(1, plugin).unwrap_or_else(|| panic!("{plugin}: rank 1 has ended"));
        kill("-KILL", &killed.to_string());
        let (code, text) = done(step.wait_with_output().unwrap());
        assert!(code != 0 && code != 124, "{plugin}: {code} {text}");
        assert!(text.contains("Killed"), "{text}");
        nodes.wait_for("no rank is left", || (0..4).all(|rank| process(rank, plugin).is_none()));
        let (code, text) = done(start(&nodes, plugin, (1, 2), plugin, &[]).wait_with_output().unwrap());
        assert_eq!(code, 0, "{plugin}: {text}");
        assert_same(&nodes, plugin);
    }
}

/// Returns the process of a rank of a run into a directory.
fn process(rank: usize, output: &str) -> Option<u32> {
    rank_processes::process(rank, &["SLURM_PROCID"], output)
}
