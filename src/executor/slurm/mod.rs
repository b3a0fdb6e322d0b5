//! Slurm: arrays of tasks by `sbatch`, asked for by `squeue` and `scontrol`. Their formats by `-o` are stable over versions,
//! those of `--json` are not; accounting is not needed.

mod config;
mod parse;
mod reasons;
mod script;

pub(crate) use config::SlurmConfig;

use crate::base::command::{self, Answer, NoAnswer};
use crate::base::{Error, Result};
use crate::executor::config::{ClusterFile, Settings};
use crate::executor::queue::{QueueAnswer, QueueView};
use crate::executor::{ArrayJob, Executor, ExecutorKind, Found, Submitted, TaskIdentity};
use crate::runs::requeue::{self, Answered};
use std::path::Path;
use std::time::Duration;

/// The member of [`EXECUTORS`](crate::executor::EXECUTORS).
pub(super) const KIND: ExecutorKind = ExecutorKind {
    name: "slurm",
    about: "arrays of tasks on a Slurm cluster",
    open: |file| Box::new(Slurm { config: file.config.executor.slurm.clone(), file: file.clone() }),
};

/// How long a question may take: the commands themselves give up on a controller that is down after 10 s or so.
const ASK_LIMIT: Duration = Duration::from_secs(30);
/// Maximum length of an array where the cluster does not answer.
const DEFAULT_MAX_ARRAY: usize = 1000;
/// Messages of `sbatch` that mean: not now.
const FULL: [&str; 5] = [
    "temporarily unable to accept job",
    "MaxSubmitJob",
    "Job violates accounting/QOS policy",
    "Unable to contact slurm controller",
    "Slurm backup controller in standby",
];
/// Messages after which the job may exist.
const UNKNOWN: [&str; 3] = ["timed out", "Zero Bytes were transmitted", "Unexpected message received"];
/// Message about a job that the controller does not know.
const NO_SUCH_JOB: &str = "Invalid job id specified";

struct Slurm {
    config: SlurmConfig,
    file: ClusterFile,
}

impl Executor for Slurm {
    fn settings(&self) -> Settings {
        self.config.settings()
    }

    fn max_array(&self) -> usize {
        let answer = ask("scontrol", &["show", "config"]).ok().filter(|answer| answer.is_success);
        // The largest number of a task is one less.
        answer.and_then(|answer| parse::max_array_size(&answer.stdout)).unwrap_or(DEFAULT_MAX_ARRAY).max(1)
    }

    fn script(&self, job: &ArrayJob<'_>) -> Result<String> {
        script::script(&self.config, job)
    }

    fn submit(&self, script: &Path, _: &ArrayJob<'_>, after: &[String]) -> Submitted {
        let mut arguments = vec!["--parsable".to_owned()];
        if !after.is_empty() {
            // Any end will do: the task looks into the store and skips what cannot be computed.
            arguments.push(format!("--dependency=afterany:{}", after.join(":")));
            arguments.push("--kill-on-invalid-dep=yes".to_owned());
        }
        arguments.push(script.display().to_string());
        match command::run("sbatch", &arguments, self.config.submit_limit.0) {
            Ok(answer) => submitted(&answer),
            Err(NoAnswer::NotStarted(why)) => {
                Submitted::Refused(format!("cannot run sbatch: {why}; submit from a login node of the cluster"))
            }
            Err(silence) => Submitted::Unknown(silence.text("sbatch")),
        }
    }

    fn queue(&self, jobs: &[String]) -> QueueAnswer {
        let ids = jobs.join(",");
        let answer =
            ask("squeue", &["--noheader", "--array", "--states=all", "--format=%i|%T|%r|%N", &format!("--jobs={ids}")]);
        let listed = match answer {
            Ok(answer) if answer.is_success => parse::squeue(&answer.stdout),
            // It fails so if there is one job only.
            Ok(answer) if answer.stderr.contains(NO_SUCH_JOB) => Vec::new(),
            Ok(answer) => return QueueAnswer::Unreachable(answer.reason()),
            Err(silence) => return QueueAnswer::Unreachable(silence.text("squeue")),
        };
        let mut view = QueueView::default();
        for (job, element, entry) in listed {
            view.entries.insert((job, element), entry);
        }
        for job in jobs.iter().filter(|job| needs_details(job, &view)).cloned().collect::<Vec<_>>() {
            add_details(&job, &mut view);
        }
        QueueAnswer::Reached(view)
    }

    fn find(&self, name: &str) -> Found {
        let listed = ask("squeue", &["--noheader", "--states=all", "--format=%F", &format!("--name={name}")]);
        match listed {
            Ok(answer) if answer.is_success => match parse::job_id(&answer.stdout) {
                Some(job) => Found::Job(job),
                None => absent(),
            },
            Ok(answer) => Found::Unreachable(answer.reason()),
            Err(silence) => Found::Unreachable(silence.text("squeue")),
        }
    }

    fn cancel(&self, jobs: &[String]) -> Result<()> {
        let answer = ask("scancel", &jobs.iter().map(String::as_str).collect::<Vec<_>>());
        let why = match answer {
            Ok(answer) if answer.is_success || answer.stderr.contains(NO_SUCH_JOB) => return Ok(()),
            Ok(answer) => answer.reason(),
            Err(silence) => silence.text("scancel"),
        };
        let error = Error::stage(format!("the jobs could not be canceled: {why}"));
        Err(error.help(format!("cancel them yourself: scancel {}", jobs.join(" "))))
    }

    fn identity(&self) -> Option<TaskIdentity> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let number = |name: &str| variable(name)?.parse().ok();
        Some(TaskIdentity {
            job: variable("SLURM_ARRAY_JOB_ID").or_else(|| variable("SLURM_JOB_ID"))?,
            element: number("SLURM_ARRAY_TASK_ID").unwrap_or(0),
            restart: number("SLURM_RESTART_COUNT").and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
            node: variable("SLURMD_NODENAME").unwrap_or_default(),
        })
    }

    fn requeue(&self, identity: &TaskIdentity) -> Result<()> {
        match requeue::ask_for(&format!("{}_{}", identity.job, identity.element), identity.restart) {
            Ok(Answered::Requeued | Answered::AlreadyQueued) => Ok(()),
            Ok(Answered::Canceled) => Err(Error::stage("the job was canceled")),
            Err(why) => Err(Error::stage(format!("the job could not be requeued: {why}"))),
        }
    }

    fn explain(&self, reason: &str, kind: &str) -> Option<String> {
        reasons::explain(reason, kind, &self.file)
    }
}

fn ask(program: &str, arguments: &[&str]) -> Result<Answer, NoAnswer> {
    command::run(program, arguments, ASK_LIMIT)
}

fn submitted(answer: &Answer) -> Submitted {
    let said = |texts: &[&str]| texts.iter().any(|text| answer.stderr.contains(text));
    match (answer.is_success, parse::job_id(&answer.stdout)) {
        (true, Some(job)) => Submitted::Accepted(job),
        (true, None) => Submitted::Unknown(format!("sbatch printed no job id: {}", answer.reason())),
        (false, _) if said(&UNKNOWN) => Submitted::Unknown(answer.reason()),
        (false, _) if said(&FULL) => Submitted::Full(answer.reason()),
        (false, _) => Submitted::Refused(answer.reason()),
    }
}

/// Whether a job is not listed, or a task of it failed and its exit code tells more.
fn needs_details(job: &str, view: &QueueView) -> bool {
    let mut tasks = view.entries.iter().filter(|((of, _), _)| of == job).peekable();
    tasks.peek().is_none() || tasks.any(|(_, entry)| !entry.state.is_alive())
}

/// Adds what the controller says about one job. That it does not know the job is an answer; silence is not.
fn add_details(job: &str, view: &mut QueueView) {
    match ask("scontrol", &["show", "job", "--oneliner", job]) {
        Ok(answer) if answer.is_success => {
            let records = parse::scontrol(&answer.stdout);
            if records.iter().any(|(of, ..)| of == job) {
                // It knows the job, so tasks that it does not list have ended long ago.
                view.forgotten.insert(job.to_owned());
            }
            for (job, element, entry) in records {
                let known = view.entries.entry((job, element)).or_insert_with(|| entry.clone());
                if !known.state.is_alive() {
                    *known = entry;
                }
            }
        }
        Ok(answer) if answer.stderr.contains(NO_SUCH_JOB) || answer.stdout.contains(NO_SUCH_JOB) => {
            view.forgotten.insert(job.to_owned());
        }
        _ => {}
    }
}

/// An empty list is an answer only from a controller that is up.
fn absent() -> Found {
    match ask("scontrol", &["ping"]) {
        Ok(answer) if answer.is_success && answer.stdout.contains(" is UP") => Found::None,
        Ok(answer) => Found::Unreachable(answer.reason()),
        Err(silence) => Found::Unreachable(silence.text("scontrol")),
    }
}
