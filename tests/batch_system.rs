//! Runs in a batch system: signals during a training step, and requests to run the job again, with a fake `scontrol`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A training run that does not end during a test, with steps much longer than a millisecond.
const PIPELINE: &str = r#"
name = "endless"

[dataset]
source = { shapes = { train = 128, test = 8, classes = 2 } }
image_size = 32

[augment.views]
ops = [{ horizontal_flip = {} }]

[pretrain.main]
augment = "views"
encoder = { resnet18 = { width = 0.5 } }
projection = { layers = [8] }
optimizer = { sgd = { learning_rate = 0.05 } }
epochs = 10000
batch_size = 64
"#;

/// What Slurm says about a job that is over its time limit.
const OVER_THE_LIMIT: &str = "JobId=7 JobState=COMPLETING Reason=TimeLimit Restarts=0";

struct Job {
    directory: TempDir,
}

/// How a run ended.
struct End {
    code: Option<i32>,
    stderr: String,
    /// The calls of the fake `scontrol`.
    calls: Vec<String>,
    checkpoints: usize,
}

impl Job {
    /// Creates a directory with the pipeline and an `scontrol` that prints `state`, then does `requeue`, a line of shell.
    fn new(state: &str, requeue: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("endless.toml"), PIPELINE).unwrap();
        let program = directory.path().join("scontrol");
        let log = directory.path().join("calls");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> '{}'\nif [ \"$1\" = show ]; then echo '{state}'; exit; fi\n{requeue}\n",
            log.display()
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn checkpoints(&self) -> Vec<PathBuf> {
        let kind = self.directory.path().join("out/store-v1/pretrain");
        let below = |path: PathBuf| fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
        let directories = below(kind).filter(|path| path.extension().is_some_and(|ending| ending == "checkpoints"));
        directories.flat_map(below).filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect()
    }

    fn start(&self, variables: &[(&str, &str)]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
        command.args(["run", "endless.toml", "--output", "out", "--only", "pretrain", "--sink", "jsonl"]);
        let path = format!("{}:{}", self.directory.path().display(), std::env::var("PATH").unwrap_or_default());
        command.current_dir(&self.directory).env("PATH", path);
        for name in std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("SLURM_")) {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until another training step has been taken since this many.
    fn wait_for_a_step(&self, child: &mut Child) {
        let metrics = || {
            let runs = fs::read_dir(self.directory.path().join("out/runs/endless")).into_iter().flatten();
            let texts = runs.filter_map(|run| fs::read_to_string(run.unwrap().path().join("metrics.jsonl")).ok());
            texts.map(|text| text.matches("\"steps\"").count()).sum::<usize>()
        };
        let (before, start) = (metrics(), Instant::now());
        while metrics() <= before {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            assert!(start.elapsed() < Duration::from_secs(300), "no step was taken");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs until a step was taken, then sends the signals without a pause.
    fn stop(&self, variables: &[(&str, &str)], signals: &[&str]) -> End {
        let mut child = self.start(variables);
        self.wait_for_a_step(&mut child);
        let kills: Vec<String> = signals.iter().map(|signal| format!("kill -{signal} {}", child.id())).collect();
        assert!(Command::new("sh").args(["-c", &kills.join("; ")]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let calls = fs::read_to_string(self.directory.path().join("calls")).unwrap_or_default();
        End {
            code: output.status.code(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            calls: calls.lines().map(str::to_owned).collect(),
            checkpoints: self.checkpoints().len(),
        }
    }
}

#[test]
fn signals_during_a_step_leave_a_checkpoint_however_often_they_come() {
    for signals in [&["TERM", "TERM"][..], &["USR2", "TERM", "TERM"], &["XCPU"], &["USR2", "USR2"], &["HUP", "TERM"]] {
        let job = Job::new(OVER_THE_LIMIT, "");
        let end = job.stop(&[], signals);
        assert_eq!(end.code, Some(130), "{signals:?}: {}", end.stderr);
        assert!(end.checkpoints > 0, "{signals:?}: {}", end.stderr);
        assert_eq!(end.stderr.matches(": stopping").count(), 1, "{signals:?} is one request: {}", end.stderr);
        assert!(end.stderr.contains("run again to resume"), "{signals:?}: {}", end.stderr);
        assert!(end.calls.is_empty(), "outside of Slurm nothing is asked");
    }
}

const SLURM: [(&str, &str); 1] = [("SLURM_JOB_ID", "7")];

#[test]
fn a_stopped_job_is_requeued_after_its_checkpoint() {
    // The job has its checkpoint when it asks.
    let job = Job::new(OVER_THE_LIMIT, "ls -d out/store-v1/pretrain/*.checkpoints/step-* >> calls");
    for (signals, before) in [(&["USR2"][..], 0), (&["TERM", "TERM"], 1), (&["XCPU"], 2)] {
        let restarts = before.to_string();
        let asked = format!("asked Slurm to requeue job 7: restart {} of at most 20", before + 1);
        let end = job.stop(&[SLURM[0], ("SLURM_RESTART_COUNT", &restarts)], signals);
        assert_eq!(end.code, Some(130), "{}", end.stderr);
        assert!(end.stderr.contains(&asked), "{signals:?}: {}", end.stderr);
        let asked = end.calls.iter().position(|call| call == "requeue 7").expect("asked");
        assert_eq!(end.calls[asked - 1], "show job -o 7");
        assert!(end.calls[asked + 1].contains("step-"), "{:?}", end.calls);
        fs::remove_file(job.directory.path().join("calls")).unwrap();
    }
}

#[test]
fn a_task_of_an_array_is_requeued_by_its_own_name() {
    let task =
        [("SLURM_JOB_ID", "9"), ("SLURM_ARRAY_JOB_ID", "7"), ("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_PROCID", "0")];
    let end = Job::new("JobState=RUNNING Reason=None Restarts=0", "").stop(&task, &["TERM"]);
    assert_eq!(end.calls, ["show job -o 7_3", "requeue 7_3"]);
}

#[test]
fn what_the_user_stops_is_not_requeued() {
    let end = Job::new(OVER_THE_LIMIT, "").stop(&SLURM, &["INT"]);
    assert_eq!((end.code, end.calls.len()), (Some(130), 0), "Ctrl-C: {}", end.stderr);
    // `scancel`: asking would start the canceled job again.
    let end = Job::new("JobState=COMPLETING Reason=None Restarts=0", "").stop(&SLURM, &["TERM"]);
    assert_eq!((end.code, end.calls), (Some(130), vec!["show job -o 7".to_owned()]));
    assert!(end.stderr.contains("job 7 was canceled: not requeued"), "{}", end.stderr);
}

#[test]
fn it_is_said_why_a_job_is_not_requeued() {
    let refusing = Job::new(OVER_THE_LIMIT, "echo 'Requested operation is presently disabled' >&2; exit 1");
    let end = refusing.stop(&SLURM, &["USR2"]);
    assert_eq!(end.code, Some(130));
    for part in ["warning: Slurm did not requeue job 7", "Requested operation is presently disabled", "to resume"] {
        assert!(end.stderr.contains(part), "{part}: {}", end.stderr);
    }

    let limited = Job::new(OVER_THE_LIMIT, "");
    let end = limited.stop(&[SLURM[0], ("SLURM_RESTART_COUNT", "2"), ("SIMCLR_MAX_RESTARTS", "2")], &["USR2"]);
    assert_eq!((end.code, end.calls.len()), (Some(130), 0));
    assert!(end.stderr.contains("warning: job 7 was restarted 2 times, the maximum"), "{}", end.stderr);

    let end = limited.start(&[("SIMCLR_MAX_RESTARTS", "often")]).wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(2), "a wrong limit is found at the start");
}
