//! This machine: `simclr run` computes in its own process; a submitted run is a script in the background, one task after
//! the other, that outlives the terminal.

use crate::base::text::shell_command;
use crate::base::{Error, Result};
use crate::executor::config::{ResourceTables, Settings};
use crate::executor::queue::{QueueAnswer, QueueView};
use crate::executor::{AGAIN, ArrayJob, Executor, ExecutorKind, Found, Submitted, TaskIdentity};
use std::path::Path;
use std::time::Duration;

/// The member of [`EXECUTORS`](crate::executor::EXECUTORS).
pub(super) const KIND: ExecutorKind = ExecutorKind {
    name: "local",
    about: "this machine; a submitted run computes in the background",
    open: |_| Box::new(Local),
};

/// Variables that tell a task what it is.
const JOB: &str = "SIMCLR_JOB";
const ELEMENT: &str = "SIMCLR_TASK";
const RESTART: &str = "SIMCLR_RESTART";

struct Local;

impl Executor for Local {
    fn settings(&self) -> Settings {
        Settings {
            most_queued: u32::MAX,
            is_remote: false,
            latency: Duration::from_secs(2),
            poll: Duration::from_secs(1),
            restarts: 20,
            fuse_below: Duration::from_secs(300),
            submit_limit: Duration::from_secs(10),
            resources: ResourceTables::new(),
        }
    }

    fn max_array(&self) -> usize {
        usize::MAX
    }

    fn script(&self, job: &ArrayJob<'_>) -> Result<String> {
        let settings = &job.submission.job;
        let number = job.array.number.to_string();
        let (program, run) = (settings.program.to_string_lossy(), job.directory.run().to_string_lossy());
        let output = job.directory.output().to_string_lossy().into_owned();
        let work = shell_command([&*program, "work", &*run, "--array", &*number]);
        let output = shell_command([output.as_str()]);
        let tasks: Vec<String> = (0..job.array.elements.len()).map(|element| element.to_string()).collect();
        Ok(format!(
            "#!/bin/sh
# Arguments: the processes to wait for.
for before; do
  while kill -0 \"$before\" 2> /dev/null; do sleep 0.2; done
done
export {JOB}=$$
for {ELEMENT} in {tasks}; do
  export {ELEMENT} {RESTART}=0
  while :; do
    {work} >> {output}/{number}-\"${ELEMENT}\".txt 2>&1
    [ $? -eq {AGAIN} ] || break
    {RESTART}=$(({RESTART} + 1))
  done
done
",
            tasks = tasks.join(" "),
        ))
    }

    fn submit(&self, script: &Path, job: &ArrayJob<'_>, after: &[String]) -> Submitted {
        start(script, &job.submission.job.directory, after)
    }

    fn queue(&self, jobs: &[String]) -> QueueAnswer {
        let mut view = QueueView::default();
        for job in jobs {
            if is_alive(job) {
                // Which of its tasks is running, their records say.
                view.running.insert(job.clone());
            } else {
                view.forgotten.insert(job.clone());
            }
        }
        QueueAnswer::Reached(view)
    }

    fn find(&self, _: &str) -> Found {
        Found::None
    }

    fn cancel(&self, jobs: &[String]) -> Result<()> {
        jobs.iter().filter(|job| is_alive(job)).try_for_each(|job| end(job))
    }

    fn identity(&self) -> Option<TaskIdentity> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
        Some(TaskIdentity {
            job: std::env::var(JOB).ok()?,
            element: usize::try_from(number(ELEMENT)?).ok()?,
            restart: number(RESTART).unwrap_or(0),
            node: crate::engine::record::host(),
        })
    }

    /// The script starts it again, because of its exit code.
    fn requeue(&self, _: &TaskIdentity) -> Result<()> {
        Ok(())
    }

    fn explain(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

#[cfg(unix)]
fn start(script: &Path, directory: &Path, after: &[String]) -> Submitted {
    use std::process::{Command, Stdio};
    // In a process group of its own, so that it can be ended as a whole and outlives the terminal.
    const START: &str = "set -m; sh \"$@\" < /dev/null > /dev/null 2>&1 & echo $!";
    let mut command = Command::new("sh");
    command.args(["-c", START, "sh"]).arg(script).args(after).current_dir(directory);
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let process = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match process {
        Ok(process) if process.parse::<u32>().is_ok() => Submitted::Accepted(process),
        Ok(_) => Submitted::Refused("the shell printed no process id".to_owned()),
        Err(error) => Submitted::Refused(format!("cannot run sh: {error}")),
    }
}

#[cfg(unix)]
fn process(job: &str) -> Option<rustix::process::Pid> {
    job.parse::<i32>().ok().and_then(rustix::process::Pid::from_raw)
}

/// Whether the script runs. Its process id may be that of another process by now.
#[cfg(unix)]
fn is_alive(job: &str) -> bool {
    let Some(process) = process(job) else { return false };
    if !Path::new("/proc/self/cmdline").exists() {
        return rustix::process::test_kill_process(process).is_ok();
    }
    let command = std::fs::read(format!("/proc/{job}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&command).contains("/cluster/arrays/")
}

#[cfg(unix)]
fn end(job: &str) -> Result<()> {
    let Some(process) = process(job) else { return Ok(()) };
    rustix::process::kill_process_group(process, rustix::process::Signal::TERM).map_err(|error| {
        let error = Error::stage(format!("the process {job} could not be ended: {error}"));
        error.help(format!("end it yourself: kill -TERM -{job}"))
    })
}

#[cfg(not(unix))]
fn start(_: &Path, _: &Path, _: &[String]) -> Submitted {
    Submitted::Refused("there are no runs in the background on this system: use `simclr run`".to_owned())
}

#[cfg(not(unix))]
fn is_alive(_: &str) -> bool {
    false
}

#[cfg(not(unix))]
fn end(_: &str) -> Result<()> {
    Err(Error::usage("there are no runs in the background on this system"))
}
