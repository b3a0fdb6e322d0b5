//! The error of the whole crate: what happened, where, and what to do next.

use crate::base::text::{visible, visible_lines};
use std::fmt;
use std::path::Path;

/// A result with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kind of an error, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or the pipeline file is wrong.
    Usage,
    /// A stage failed: data, disk, device, diverged training.
    Stage,
    /// The user interrupted the run.
    Interrupted,
    /// Another process has taken over what this one was computing.
    Superseded,
    /// A bug in simclr: a broken invariant.
    Bug,
}

/// A problem: what happened, where, and what to do next.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    place: Option<String>,
    help: Option<String>,
}

impl Error {
    /// Creates an error of the given kind; `what` is a sentence without a period.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, help: None }
    }

    /// Creates an [`ErrorKind::Usage`] error.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, what)
    }

    /// Creates an [`ErrorKind::Stage`] error.
    pub fn stage(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Stage, what)
    }

    /// Creates an [`ErrorKind::Bug`] error.
    pub fn bug(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, what)
    }

    /// Creates the error of a failed file operation: `doing` is a verb such as "write", and the path becomes the place.
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
                error.help("the directory does not exist: create it, or run again if it was removed during the run")
            }
            _ => error,
        }
    }

    /// Creates the error for threads that the system cannot start: `doing` is a phrase such as "start a thread".
    pub(crate) fn no_threads(doing: &str, source: impl fmt::Display) -> Self {
        let error = Self::stage(format!("cannot {doing}: {source}"));
        error.help("use fewer --threads, or raise the limit on processes (`ulimit -u`) or memory (`ulimit -v`)")
    }

    /// Sets the place unless it is already set: a path, a stage, `file:line:column`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place.get_or_insert(place.into());
        self
    }

    /// Sets the help (what to do next) unless it is already set.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert(help.into());
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the message alone, without place and help.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Returns where it happened, if known.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Returns what to do next, if there is any advice.
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
