//! The state of the git repository that holds the pipeline file, if it is in one and git is there.
//!
//! The repository may be somebody else's, and its configuration can name commands: filters, monitors, hooks, programs
//! that show differences or fetch what is missing. So git is asked for nothing but names of objects and digests of
//! bytes, which needs neither attributes nor the index nor the files of the work tree.

use crate::base::hash;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long git may take for its answers; a run does not wait longer to say where its file is from.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a running git is looked at.
const POLL: Duration = Duration::from_millis(1);
/// Bytes of an answer that are read: two digests take less.
const LONGEST_ANSWER: u64 = 1024;

/// Where a pipeline file is in its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Digest of the commit that is checked out.
    pub hash: String,
    /// Whether the pipeline file is another one than in that commit, or is not in it.
    pub changed: bool,
}

impl Commit {
    /// The commit of a pipeline file with this content; none where git does not tell. No command that the repository
    /// names is run.
    pub fn of(file: &Path, content: &[u8]) -> Option<Self> {
        let file = if file.is_symlink() { file.canonicalize() } else { std::path::absolute(file) }.ok()?;
        let git = Git { directory: file.parent()?.to_owned(), until: Instant::now() + PATIENCE };
        let mut committed = OsString::from("HEAD:./");
        committed.push(file.file_name()?);
        let answer = git.ask(&["rev-parse".into(), "--revs-only".into(), "HEAD".into(), committed], Vec::new())?;
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
        if self.changed { f.write_str(" (the pipeline file is another one)") } else { Ok(()) }
    }
}

/// Digests, one a line.
fn digests(answer: &[u8]) -> impl Iterator<Item = String> {
    let is_digest = |line: &&str| line.len() >= 40 && line.bytes().all(|byte| byte.is_ascii_hexdigit());
    let lines: Vec<String> = String::from_utf8_lossy(answer).lines().filter(is_digest).map(str::to_owned).collect();
    lines.into_iter()
}

/// Asks git in a directory.
struct Git {
    directory: PathBuf,
    until: Instant,
}

impl Git {
    /// Whether an object has this content, as it is or as git writes it where lines end as on Windows.
    fn is_digest_of(&self, digest: &str, content: &[u8]) -> Option<bool> {
        if self.digest(content.to_vec())? == digest {
            return Some(true);
        }
        let with_line_feeds = String::from_utf8_lossy(content).replace("\r\n", "\n").into_bytes();
        Some(with_line_feeds.len() < content.len() && self.digest(with_line_feeds)? == digest)
    }

    fn digest(&self, content: Vec<u8>) -> Option<String> {
        let answer = self.ask(&["hash-object".into(), "--no-filters".into(), "--stdin".into()], content)?;
        digests(&answer).next()
    }

    fn ask(&self, arguments: &[OsString], input: Vec<u8>) -> Option<Vec<u8>> {
        let mut child = self.command(arguments).spawn().ok()?;
        let answer = self.exchange(&mut child, input);
        if answer.is_none() {
            let _ = child.kill();
        }
        answer
    }

    fn exchange(&self, child: &mut Child, input: Vec<u8>) -> Option<Vec<u8>> {
        let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
        // A git that hangs reads nothing, so writing could take for ever.
        let write = move || stdin.write_all(&input);
        let writer = std::thread::Builder::new().spawn(write).ok()?;
        while child.try_wait().ok()?.is_none() {
            if Instant::now() > self.until {
                return None;
            }
            std::thread::sleep(POLL);
        }
        let _ = writer.join();
        let mut answer = Vec::new();
        stdout.take(LONGEST_ANSWER).read_to_end(&mut answer).ok()?;
        Some(answer)
    }

    /// Git without anything that could start another program or ask the network.
    fn command(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new("git");
        command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C"]).arg(&self.directory);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, value) in [
            ("GIT_NO_LAZY_FETCH", "1"),
            // For versions that do not know the one above: no protocol has this name.
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
    fn digests_are_told_from_messages() {
        let digest = "d3618a7cb2a2d776c0eeac9d28a4803835e8766e";
        assert_eq!(digests(format!("{digest}\nHEAD:./a\n").as_bytes()).collect::<Vec<_>>(), [digest]);
        assert_eq!(digests(b"").next(), None);
        assert_eq!(digests(b"0e4713a0\n\xff\n").next(), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_git_that_hangs_is_not_waited_for() {
        let git = Git { directory: std::env::temp_dir(), until: Instant::now() + Duration::from_millis(50) };
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        assert_eq!(git.exchange(&mut child, vec![0; 1 << 20]), None);
        assert!(start.elapsed() < Duration::from_secs(10));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
