//! Asks Slurm to run a stopped job again.
//!
//! Slurm requeues a preempted job by itself only if it is still running when its grace time is over, and never after a
//! time limit. A run that saves a checkpoint and ends early would be a failed job, so it asks to be requeued before it
//! ends. It does not ask if the user canceled the job.

use crate::base::command::{self, Answer, NoAnswer};
use crate::base::{Error, Result};
use std::fmt;
use std::time::Duration;

/// Environment variable with the maximum number of restarts of a job.
const LIMIT_VARIABLE: &str = "SIMCLR_MAX_RESTARTS";
/// Default of the maximum number of restarts.
const DEFAULT_LIMIT: u32 = 20;
/// Maximum duration of a call of Slurm. At a time limit it kills the job 30 s (its default `KillWait`) after the signal.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What became of a request to run the job again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The process is not part of a Slurm job, so nothing was asked.
    NoJob,
    /// It is not the first process of its job step, which asks for all.
    NotFirst,
    /// Slurm will run the job again, for the given time of at most `limit`.
    Asked {
        /// Number of the job, `ARRAY_TASK` for a task of an array.
        job: String,
        /// Number of the coming restart, from 1.
        restart: u32,
        /// Maximum number of restarts.
        limit: u32,
    },
    /// Slurm is requeuing the job already.
    AlreadyQueued {
        /// Number of the job.
        job: String,
    },
    /// The user canceled the job, so nothing was asked.
    Canceled {
        /// Number of the job.
        job: String,
    },
    /// The job was restarted as often as allowed, so nothing was asked.
    LimitReached {
        /// Number of the job.
        job: String,
        /// Maximum number of restarts.
        limit: u32,
    },
    /// Slurm refused or could not be reached.
    Refused {
        /// Number of the job.
        job: String,
        /// What Slurm answered.
        why: String,
    },
}

impl Outcome {
    /// Whether the job ends here although its work is not done.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::LimitReached { .. } | Self::Refused { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoJob => f.write_str("not a Slurm job: not requeued"),
            Self::NotFirst => f.write_str("the first process of the job step asks Slurm to requeue the job"),
            Self::Asked { job, restart, limit } => {
                write!(f, "asked Slurm to requeue job {job}: restart {restart} of at most {limit}")
            }
            Self::AlreadyQueued { job } => write!(f, "Slurm is requeuing job {job}"),
            Self::Canceled { job } => write!(f, "job {job} was canceled: not requeued"),
            Self::LimitReached { job, limit } => write!(
                f,
                "job {job} was restarted {limit} times, the maximum: not requeued; submit it again to resume, or raise \
                 {LIMIT_VARIABLE}"
            ),
            Self::Refused { job, why } => {
                write!(f, "Slurm did not requeue job {job}: {why}; submit it again to resume")
            }
        }
    }
}

/// Returns the maximum number of restarts: `SIMCLR_MAX_RESTARTS`, by default 20. With 0 no job is requeued.
///
/// # Errors
/// The variable is not a whole number.
pub fn max_restarts() -> Result<u32> {
    parse_limit(std::env::var(LIMIT_VARIABLE).ok())
}

fn parse_limit(value: Option<String>) -> Result<u32> {
    let Some(text) = value else { return Ok(DEFAULT_LIMIT) };
    text.trim().parse().map_err(|_| {
        let error = Error::usage(format!("{LIMIT_VARIABLE} is '{text}', and a whole number is expected"));
        error.help("set it to the maximum number of restarts of a Slurm job, or unset it for 20")
    })
}

/// Asks Slurm to run the job of this process again, at most `limit` times. Call it when everything is saved: Slurm then
/// ends the job.
pub fn ask(limit: u32) -> Outcome {
    let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match SlurmJob::of(get) {
        Ok(job) => job.requeue(limit, "scontrol", TIMEOUT),
        Err(outcome) => outcome,
    }
}

/// The job of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SlurmJob {
    id: String,
    /// How often it was restarted.
    restarts: u32,
}

impl SlurmJob {
    /// Reads the variables that Slurm sets, or returns why this process does not ask.
    fn of(get: impl Fn(&str) -> Option<String>) -> Result<Self, Outcome> {
        let job = get("SLURM_JOB_ID").ok_or(Outcome::NoJob)?;
        if get("SLURM_PROCID").is_some_and(|rank| rank != "0") {
            return Err(Outcome::NotFirst);
        }
        let task = get("SLURM_ARRAY_JOB_ID").zip(get("SLURM_ARRAY_TASK_ID"));
        let id = task.map_or(job, |(array, task)| format!("{array}_{task}"));
        let restarts = get("SLURM_RESTART_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
        Ok(Self { id, restarts })
    }

    fn requeue(self, limit: u32, program: &str, timeout: Duration) -> Outcome {
        let Self { id: job, restarts } = self;
        if restarts >= limit {
            return Outcome::LimitReached { job, limit };
        }
        match request(program, &job, restarts, timeout) {
            Ok(Answered::Requeued) => Outcome::Asked { job, restart: restarts + 1, limit },
            Ok(Answered::AlreadyQueued) => Outcome::AlreadyQueued { job },
            Ok(Answered::Canceled) => Outcome::Canceled { job },
            Err(why) => Outcome::Refused { job, why },
        }
    }
}

/// What Slurm does with a job that asks to run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// It runs again.
    Requeued,
    /// It would have run again without being asked.
    AlreadyQueued,
    /// It was canceled, so nothing was asked.
    Canceled,
}

/// Asks Slurm to run a job again that has been restarted this often, unless it was canceled.
///
/// # Errors
/// What Slurm answered, or that it did not.
pub(crate) fn ask_for(job: &str, restarts: u32) -> Result<Answered, String> {
    request("scontrol", job, restarts, TIMEOUT)
}

fn request(program: &str, job: &str, restarts: u32, timeout: Duration) -> Result<Answered, String> {
    let text = call(program, &["show", "job", "-o", job], timeout)?;
    match JobState::parse(&text, restarts) {
        JobState::Canceled => Ok(Answered::Canceled),
        JobState::Requeued => Ok(Answered::AlreadyQueued),
        JobState::Stopping => call(program, &["requeue", job], timeout).map(|_| Answered::Requeued),
    }
}

/// Why the job is being stopped, as far as Slurm's description of it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JobState {
    /// It is running and was sent a signal, or it is over its time limit.
    Stopping,
    /// The user ends it. Requeuing it would undo that.
    Canceled,
    Requeued,
}

impl JobState {
    /// Parses a line of `scontrol show job -o` for a job that had been restarted this often when the process started.
    fn parse(line: &str, restarts: u32) -> Self {
        let field = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let counted = field("Restarts").and_then(|count| count.parse::<u32>().ok()).unwrap_or(restarts);
        match (field("JobState").unwrap_or_default(), field("Reason").unwrap_or("None")) {
            _ if counted > restarts => Self::Requeued,
            ("PENDING" | "REQUEUED", _) => Self::Requeued,
            // A job over its limit has the reason TimeLimit.
            ("COMPLETING" | "CANCELLED", "None") => Self::Canceled,
            _ => Self::Stopping,
        }
    }
}

/// Runs a command and returns its output, or what went wrong.
fn call(program: &str, arguments: &[&str], timeout: Duration) -> Result<String, String> {
    let command = format!("`{program} {}`", arguments.join(" "));
    match command::run(program, arguments, timeout) {
        Ok(answer) if answer.is_success => Ok(answer.stdout),
        Ok(Answer { status, stderr, .. }) => {
            let said = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            Err(format!("{command} failed: {}", if said.is_empty() { status } else { said }))
        }
        Err(NoAnswer::NotStarted(why)) => Err(format!("cannot run {command}: {why}")),
        Err(NoAnswer::TimedOut(_)) => Err(format!("{command} did not answer within {} s", timeout.as_secs_f64())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(variables: &[(&str, &str)]) -> Result<SlurmJob, Outcome> {
        let get = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        SlurmJob::of(get)
    }

    #[test]
    fn only_the_first_process_of_a_job_asks() {
        assert_eq!(job(&[]), Err(Outcome::NoJob));
        assert_eq!(job(&[("SLURM_JOB_ID", "7"), ("SLURM_PROCID", "1")]), Err(Outcome::NotFirst));
        let alone = SlurmJob { id: "7".into(), restarts: 0 };
        assert_eq!(job(&[("SLURM_JOB_ID", "7"), ("SLURM_PROCID", "0")]), Ok(alone));
        let task = [("SLURM_JOB_ID", "9"), ("SLURM_ARRAY_JOB_ID", "8"), ("SLURM_ARRAY_TASK_ID", "3")];
        let task = [&task[..], &[("SLURM_RESTART_COUNT", "2")]].concat();
        assert_eq!(job(&task), Ok(SlurmJob { id: "8_3".into(), restarts: 2 }));
    }

    #[test]
    fn the_limit_is_a_whole_number() {
        assert_eq!(parse_limit(None).unwrap(), 20);
        assert_eq!(parse_limit(Some(" 3 ".into())).unwrap(), 3);
        let error = parse_limit(Some("many".into())).unwrap_err();
        assert!(error.what().contains("SIMCLR_MAX_RESTARTS is 'many'") && error.next_step().is_some());
    }

    /// Lines of Slurm 22.05, shortened.
    #[test]
    fn a_canceled_job_is_told_from_one_that_is_over_its_limit_or_preempted() {
        let parse = |state: &str| JobState::parse(&format!("JobId=5 JobName=a.sh {state} ExitCode=0:0"), 0);
        assert_eq!(parse("JobState=COMPLETING Reason=None Requeue=1 Restarts=0"), JobState::Canceled);
        assert_eq!(parse("JobState=CANCELLED Reason=None Requeue=1 Restarts=0"), JobState::Canceled);
        assert_eq!(parse("JobState=COMPLETING Reason=TimeLimit Requeue=1 Restarts=0"), JobState::Stopping);
        assert_eq!(parse("JobState=RUNNING Reason=None Requeue=1 Restarts=0"), JobState::Stopping);
        assert_eq!(parse("JobState=COMPLETING Reason=None Requeue=1 Restarts=1"), JobState::Requeued);
        assert_eq!(JobState::parse("", 0), JobState::Stopping);
    }

    #[cfg(unix)]
    #[test]
    fn commands_that_fail_hang_or_are_missing_are_refusals() {
        let shell = |script: &str, timeout| call("sh", &["-c", script], timeout);
        let long = Duration::from_secs(60);
        assert_eq!(shell("echo out", long).unwrap(), "out\n");
        assert!(shell("echo no such job >&2; exit 1", long).unwrap_err().ends_with("failed: no such job"));
        assert!(shell("exit 4", long).unwrap_err().contains('4'));
        assert!(shell("exec sleep 600", Duration::from_millis(50)).unwrap_err().contains("did not answer"));
        let missing = SlurmJob { id: "7".into(), restarts: 0 }.requeue(1, "no-such-scontrol", long);
        assert!(matches!(&missing, Outcome::Refused { why, .. } if why.contains("cannot run")), "{missing}");
        assert!(missing.is_final());
    }
}
