//! Commands of other programs that can hang, such as those of Slurm: each runs with a time limit.

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

/// Interval between two looks at a running command.
const STEP: Duration = Duration::from_millis(20);
/// How long output of an ended command may stay away, if something else still holds its pipes.
const LATE_OUTPUT: Duration = Duration::from_secs(1);

/// What a command answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) is_success: bool,
    /// `exit status: 1`
    pub(crate) status: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// Returns the last line of the messages, which has the reason of a failure.
    pub(crate) fn reason(&self) -> String {
        let lines = self.stderr.lines().chain(self.stdout.lines()).map(str::trim).filter(|line| !line.is_empty());
        let errors: Vec<&str> = lines.collect();
        let telling = errors.iter().find(|line| line.contains("error:")).or(errors.last());
        telling.map_or_else(|| "no message".to_owned(), |line| (*line).to_owned())
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The program does not exist or cannot be started.
    NotStarted(String),
    /// It took too long and was killed. What it had printed.
    TimedOut(String),
}

impl NoAnswer {
    pub(crate) fn text(&self, program: &str) -> String {
        match self {
            Self::NotStarted(why) => format!("cannot run {program}: {why}"),
            Self::TimedOut(said) if said.trim().is_empty() => format!("{program} did not answer in time"),
            Self::TimedOut(said) => format!("{program} did not answer in time: {}", said.trim()),
        }
    }
}

/// Runs a command.
pub(crate) fn run(
    program: &str,
    arguments: impl IntoIterator<Item: AsRef<OsStr>>,
    limit: Duration,
) -> Result<Answer, NoAnswer> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Messages are parsed.
    command.env("LC_ALL", "C");
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| NoAnswer::NotStarted(error.to_string()))?;
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => {
                let (is_success, status) = (status.success(), status.to_string());
                return Ok(Answer { is_success, status, stdout: text(&stdout), stderr: text(&stderr) });
            }
            Ok(None) if start.elapsed() < limit => std::thread::sleep(STEP),
            _ => break,
        }
    }
    kill(&mut child);
    Err(NoAnswer::TimedOut(text(&stderr)))
}

/// Kills a command with what it has started.
fn kill(child: &mut std::process::Child) {
    #[cfg(unix)]
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    };
    // Without a thread there is no output, which is no answer.
    let _ = std::thread::Builder::new().spawn(read);
    receiver
}

fn text(output: &Receiver<String>) -> String {
    output.recv_timeout(LATE_OUTPUT).unwrap_or_default()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Answer, NoAnswer> {
        run("sh", ["-c", script], limit)
    }

    #[test]
    fn answers_and_silence_are_told_apart() {
        let long = Duration::from_secs(20);
        let answer = shell("echo 85; echo 'sbatch: error: no' >&2; exit 1", long).unwrap();
        assert_eq!((answer.is_success, answer.stdout.as_str()), (false, "85\n"));
        assert_eq!(answer.reason(), "sbatch: error: no");
        let start = Instant::now();
        let silent = shell("echo waiting >&2; sleep 60 & sleep 60", Duration::from_millis(300)).unwrap_err();
        assert_eq!(silent, NoAnswer::TimedOut("waiting\n".into()));
        assert!(start.elapsed() < Duration::from_secs(10), "also what it has started is ended");
        assert!(matches!(run("no-such-program", [""], long), Err(NoAnswer::NotStarted(_))));
    }
}
