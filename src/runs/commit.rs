//! The state of the git repository that holds the pipeline file, if it is in one and git is there.

use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};

/// Where a pipeline file is in its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Digest of the commit that is checked out.
    pub hash: String,
    /// Whether the pipeline file is another one than in that commit, or is not in it.
    pub changed: bool,
}

impl Commit {
    /// The commit of a pipeline file. One call of git that looks at this file alone, so that it is quick in a large
    /// repository too.
    pub fn of(file: &Path) -> Option<Self> {
        let file = std::path::absolute(file).ok()?;
        let output = Command::new("git")
            .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
            .arg(file.parent()?)
            .args(["status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=all", "--ignored"])
            .args(["--ignore-submodules=all", "--no-renames", "--"])
            .arg(file.file_name()?)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.success() { parse(&text) } else { None }
    }
}

/// Reads the answer of `git status --porcelain=v2 --branch`: headers begin with `#`, each other line is a change.
fn parse(text: &str) -> Option<Commit> {
    let hash = text.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
    // A repository without commits says `(initial)`.
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let changed = text.lines().any(|line| !line.starts_with('#'));
    is_hash.then(|| Commit { hash: hash.to_owned(), changed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_git() {
        let commit = |changed| Some(Commit { hash: "0e4713a0".into(), changed });
        assert_eq!(parse("# branch.oid 0e4713a0\n# branch.head main\n"), commit(false));
        assert_eq!(parse("# branch.oid 0e4713a0\n# branch.head main\n? study.toml\n"), commit(true));
        assert_eq!(parse("# branch.oid (initial)\n# branch.head main\n? study.toml\n"), None);
        assert_eq!(parse(""), None);
    }
}
