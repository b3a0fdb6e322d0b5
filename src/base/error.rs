//! The error of the whole crate: what happened, where, and what to do next.

use crate::base::text::{visible, visible_lines};
use std::fmt;
use std::path::Path;

/// Result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What an error means for the run, and so for the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or the pipeline file is wrong.
    Usage,
    /// A stage could not do its work: data, disk, device, diverged training.
    Stage,
    /// The user asked to stop.
    Interrupted,
    /// A broken invariant of ours.
    Bug,
}

/// One problem: what, where, and what to do next.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    place: Option<String>,
    help: Option<String>,
}

impl Error {
    /// An error of the given kind; `what` is a sentence without a full stop.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, help: None }
    }

    /// The command line or the pipeline file is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, what)
    }

    /// A stage could not do its work.
    pub fn stage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Stage, what)
    }

    /// A broken invariant of ours.
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, what)
    }

    /// A failed file operation: `doing` reads like "write", the place is the path.
    pub fn io(doing: &str, path: impl AsRef<Path>, source: &std::io::Error) -> Self {
        let error = Self::stage(format!("cannot {doing}: {source}")).at(path.as_ref().display().to_string());
        match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => error.help(
                "free some space (`simclr cache gc` deletes what no recent run uses) and run again: finished stages are kept",
            ),
            std::io::ErrorKind::PermissionDenied => error.help("check the permissions of the directory"),
            std::io::ErrorKind::ReadOnlyFilesystem => {
                error.help("the file system is read-only: name another directory with --output")
            }
            std::io::ErrorKind::NotFound if doing == "write" => {
                error.help("the directory is not there: make it, or run again if it was removed meanwhile")
            }
            _ => error,
        }
    }

    /// Threads that the system does not let us start: `doing` reads like "start a thread".
    pub fn no_threads(doing: &str, source: impl fmt::Display) -> Self {
        let error = Self::stage(format!("cannot {doing}: {source}"));
        error.help("use fewer --threads, or raise the limit of processes (`ulimit -u`) or of memory (`ulimit -v`)")
    }

    /// Says where: a path, a stage, `file:line:column`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place.get_or_insert(place.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert(help.into());
        self
    }

    /// What the error means for the run.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The sentence alone, without place and help.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Where it happened, if known.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// What to do next, if there is something.
    pub fn next_step(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}: ", visible(place))?;
        }
        f.write_str(&visible_lines(&self.what))?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {}", visible_lines(help)),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
