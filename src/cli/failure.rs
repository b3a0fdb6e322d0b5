//! Success and failure of commands.

use super::exit_code;
use crate::base::Error;
use crate::executor::config::ClusterFileError;
use crate::{document, pipeline};

/// The outcome of a successful command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// Everything was done.
    Done,
    /// `run --keep-going` or the tasks of a submitted run could not compute everything.
    Partial,
    /// `plan --exit-code` found stages that would run, or `collect` found some in the queue.
    Stale,
    /// `work` stopped and will be started again.
    Again,
}

/// The reason a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The pipeline file is invalid.
    Diagnostics(document::Diagnostics),
    /// Any other error.
    Error(Error),
    /// An error that has been printed, by this rank of a run or by the first one; the exit code.
    Printed(u8),
}

impl Failure {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Diagnostics(_) => exit_code::USAGE,
            Self::Printed(code) => *code,
            Self::Error(error) => exit_code::of(error.kind()),
        }
    }
}

impl From<ClusterFileError> for Failure {
    fn from(error: ClusterFileError) -> Self {
        match error {
            ClusterFileError::Unreadable(error) => Self::Error(error),
            ClusterFileError::Invalid(diagnostics) => Self::Diagnostics(diagnostics),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<document::Diagnostics> for Failure {
    fn from(diagnostics: document::Diagnostics) -> Self {
        Self::Diagnostics(diagnostics)
    }
}

impl From<pipeline::AssembleError> for Failure {
    fn from(error: pipeline::AssembleError) -> Self {
        match error {
            pipeline::AssembleError::Configuration(diagnostics) => Self::Diagnostics(diagnostics),
            pipeline::AssembleError::Data(error) => Self::Error(error),
        }
    }
}
