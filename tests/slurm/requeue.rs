//! Jobs that are stopped: what the user cancels stays canceled, and everything else runs again.

use crate::nodes::Nodes;
use crate::{TWO, cluster, sweep};
use std::fs;

/// A job of the user's own, whose run writes into a directory of its name.
struct Job<'a> {
    nodes: &'a Nodes,
    name: &'static str,
    id: String,
}

impl<'a> Job<'a> {
    /// Submits a run of the sweep.
    fn submit(nodes: &'a Nodes, name: &'static str, options: &[&str]) -> Self {
        let program = env!("CARGO_BIN_EXE_simclr");
        let run = format!("exec srun {program} run sweep.toml --quiet --threads 1 --output {name}");
        let output = format!("--output={name}.txt");
        let usual = ["--parsable", "--mem=200M", "--requeue", "--open-mode=append", &output, "--wrap", &run];
        let done = nodes.slurm("sbatch", &[options, &usual].concat());
        let id = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        assert!(!id.is_empty(), "{name}: {}", String::from_utf8_lossy(&done.stderr));
        Self { nodes, name, id }
    }

    /// Whether the controller describes it with these words.
    fn has(&self, words: &[&str]) -> bool {
        let done = self.nodes.slurm("scontrol", &["show", "job", "-o", &self.id]);
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        words.iter().all(|word| text.split_whitespace().any(|field| field == *word))
    }

    /// Returns what all its lives printed.
    fn printed(&self) -> String {
        fs::read_to_string(self.nodes.path("work").join(format!("{}.txt", self.name))).unwrap_or_default()
    }

    /// Whether the events of its latest life have this word.
    fn has_event(&self, word: &str) -> bool {
        let events = self.nodes.path("work").join(self.name).join("runs/sweep/latest/events.jsonl");
        fs::read_to_string(events).unwrap_or_default().contains(&format!("\"{word}\""))
    }

    fn cancel(&self) {
        self.nodes.slurm("scancel", &[&self.id]);
    }

    fn wait_for_the_cancellation(&self, restarts: &str) {
        let said = format!("job {} was canceled: not requeued", self.id);
        self.nodes.wait_for(&format!("{} ends", self.name), || self.printed().contains(&said));
        let state = ["JobState=CANCELLED", restarts];
        self.nodes.wait_for(&format!("{} is canceled", self.name), || self.has(&state));
    }

    fn wait_for_the_second_life(&self) {
        let restarted = ["JobState=RUNNING", "Restarts=1"];
        self.nodes.wait_for(&format!("{} runs again", self.name), || self.has(&restarted) && self.has_event("resumed"));
    }
}

/// Returns the names of the tasks on a node that are in a state.
fn tasks(nodes: &Nodes, state: &str, node: &str) -> Vec<String> {
    let end = format!(" {state} {node}");
    nodes.queue().lines().filter_map(|line| line.strip_suffix(&end)).map(str::to_owned).collect()
}

#[test]
fn what_is_canceled_ends_and_what_is_preempted_or_short_of_time_runs_again() {
    let Some(nodes) = cluster() else { return };
    nodes.write(&sweep(100_000, TWO), "sbatch = [\"--nodelist=n3\"]\n");
    // The controller looks at the times every 30 s, and sends a signal at the last look before it is due.
    let limited = Job::submit(&nodes, "limited", &["--nodelist=n1", "--time=1", "--signal=USR2@29"]);
    let canceled = Job::submit(&nodes, "canceled", &["--nodelist=n2"]);
    let preempted = Job::submit(&nodes, "preempted", &["--nodelist=n4", "--partition=low"]);
    assert_eq!(nodes.run(&["submit", "sweep.toml"]).0, 0);

    nodes.wait_for("two jobs train", || canceled.has_event("training") && preempted.has_event("training"));
    canceled.cancel();
    nodes.slurm("sbatch", &["--nodelist=n4", "--exclusive", "--time=1", "--wrap", "sleep 1"]);
    nodes.wait_for("both tasks train", || nodes.events().matches("\"training\"").count() >= 2);
    let running = tasks(&nodes, "RUNNING", "n3");
    assert_eq!(running.len(), 2, "{}", nodes.queue());
    nodes.slurm("scancel", &running.iter().map(String::as_str).collect::<Vec<_>>());

    canceled.wait_for_the_cancellation("Restarts=0");
    let ends = || -> Vec<String> {
        nodes.lives().iter().filter_map(|life| fs::read_to_string(life.join("end.json")).ok()).collect()
    };
    let is_canceled = |end: &&String| end.contains("\"interrupted\"") && end.contains("the job was canceled");
    nodes.wait_for("both tasks end", || ends().iter().filter(is_canceled).count() == 2);
    nodes.wait_for("both tasks are canceled", || {
        let canceled = tasks(&nodes, "CANCELLED", "n3");
        running.iter().all(|task| canceled.contains(task))
    });

    for job in [&preempted, &limited] {
        job.wait_for_the_second_life();
        let asked = format!("asked Slurm to requeue job {}: restart 1 of at most 20", job.id);
        assert!(job.printed().contains(&asked), "{}", job.printed());
        job.cancel();
        job.wait_for_the_cancellation("Restarts=1");
    }
    assert!(canceled.has(&["JobState=CANCELLED", "Restarts=0"]), "it has not come back\n{}", nodes.queue());
    assert_eq!(nodes.requeued(), 0, "no task has come back\n{}", nodes.queue());
}

/// The limit itself, which comes without a warning: a minute, and until the controller looks.
#[test]
#[ignore = "takes minutes"]
fn a_job_over_its_time_limit_runs_again() {
    let Some(nodes) = cluster() else { return };
    nodes.write(&sweep(100_000, TWO), "");
    let job = Job::submit(&nodes, "limited", &["--time=1"]);
    job.wait_for_the_second_life();
    assert!(job.printed().contains("asked Slurm to requeue job"), "{}", job.printed());
    job.cancel();
    job.wait_for_the_cancellation("Restarts=1");
}
