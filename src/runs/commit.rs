//! Git commit of the pipeline file, if it is in a repository and git is installed.
//!
//! The repository may be untrusted, and its configuration can name commands: filters, file system monitors, hooks, diff
//! programs, fetch helpers. So git is only asked for object names and digests of bytes, which needs neither attributes
//! nor the index nor the files of the work tree.

use crate::base::hash;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Maximum time for all git commands; a run does not wait longer for the commit.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Interval between checks whether git has finished.
const POLL: Duration = Duration::from_millis(1);
/// Maximum number of bytes read from git; two digests take less.
const MAX_ANSWER_BYTES: u64 = 1024;

/// Git commit of a pipeline file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Hash of the checked-out commit.
    pub hash: String,
    /// Whether the pipeline file differs from that commit or is not part of it.
    pub changed: bool,
}

impl Commit {
    /// Returns the commit of a pipeline file with this content; none without git or a commit. Runs no command
    /// configured in the repository.
    pub fn of(file: &Path, content: &[u8]) -> Option<Self> {
        let file = if file.is_symlink() { file.canonicalize() } else { std::path::absolute(file) }.ok()?;
        let git = Git { directory: file.parent()?.to_owned(), deadline: Instant::now() + TIMEOUT };
        let mut committed = OsString::from("HEAD:./");
        committed.push(file.file_name()?);
        let answer = git.run(&["rev-parse".into(), "--revs-only".into(), "HEAD".into(), committed], Vec::new())?;
        let mut digests = digests(&answer);
        let hash = digests.next()?;
        let changed = match digests.next() {
            Some(committed) => !git.is_digest_of(&committed, content)?,
            None => true,
        };
        Some(Self { hash, changed })
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(hash::short(&self.hash))?;
        if self.changed { f.write_str(" (the pipeline file has uncommitted changes)") } else { Ok(()) }
    }
}

/// Returns the lines that are digests.
fn digests(answer: &[u8]) -> impl Iterator<Item = String> {
    let is_digest = |line: &&str| line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lines: Vec<String> = String::from_utf8_lossy(answer).lines().filter(is_digest).map(str::to_owned).collect();
    lines.into_iter()
}

/// Git commands in a directory, with a common deadline.
struct Git {
    directory: PathBuf,
    deadline: Instant,
}

impl Git {
    /// Whether an object has this content, either unchanged or with CRLF converted to LF as git does on Windows.
    fn is_digest_of(&self, digest: &str, content: &[u8]) -> Option<bool> {
        if self.digest(content.to_vec())? == digest {
            return Some(true);
        }
        let with_line_feeds = String::from_utf8_lossy(content).replace("\r\n", "\n").into_bytes();
        Some(with_line_feeds.len() < content.len() && self.digest(with_line_feeds)? == digest)
    }

    fn digest(&self, content: Vec<u8>) -> Option<String> {
        let answer = self.run(&["hash-object".into(), "--no-filters".into(), "--stdin".into()], content)?;
        digests(&answer).next()
    }

    fn run(&self, arguments: &[OsString], input: Vec<u8>) -> Option<Vec<u8>> {
        let mut child = self.command(arguments).spawn().ok()?;
        let answer = self.communicate(&mut child, input);
        if answer.is_none() {
            let _ = child.kill();
        }
        answer
    }

    fn communicate(&self, child: &mut Child, input: Vec<u8>) -> Option<Vec<u8>> {
        let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
        // In a thread, since writing would block forever if git hangs.
        let write = move || stdin.write_all(&input);
        let writer = std::thread::Builder::new().spawn(write).ok()?;
        while child.try_wait().ok()?.is_none() {
            if Instant::now() > self.deadline {
                return None;
            }
            std::thread::sleep(POLL);
        }
        let _ = writer.join();
        let mut answer = Vec::new();
        stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).ok()?;
        Some(answer)
    }

    /// Returns a git command that starts no other program and does not use the network.
    fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C"]).arg(&self.directory);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, value) in [
            ("GIT_NO_LAZY_FETCH", "1"),
            // For versions that do not know GIT_NO_LAZY_FETCH: no protocol has this name.
            ("GIT_ALLOW_PROTOCOL", "none"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_TERMINAL_PROMPT", "0"),
        ] {
            command.env(name, value);
        }
        command.env_remove("GIT_EXTERNAL_DIFF");
        let traces = std::env::vars_os().map(|(name, _)| name);
        traces.filter(|name| name.to_string_lossy().starts_with("GIT_TRACE")).for_each(|name| {
            command.env_remove(name);
        });
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_distinguished_from_messages() {
        let digest = "d3618a7cb2a2d776c0eeac9d28a4803835e8766e";
        assert_eq!(digests(format!("{digest}\nHEAD:./a\n").as_bytes()).collect::<Vec<_>>(), [digest]);
        assert_eq!(digests(b"").next(), None);
        assert_eq!(digests(b"0e4713a0\n\xff\n").next(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_hanging_git_times_out() {
        let git = Git { directory: std::env::temp_dir(), deadline: Instant::now() + Duration::from_millis(50) };
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        assert_eq!(git.communicate(&mut child, vec![0; 1 << 20]), None);
        assert!(start.elapsed() < Duration::from_secs(10));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
