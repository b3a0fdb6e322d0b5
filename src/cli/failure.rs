//! How a command ends.

use super::exit_code;
use crate::base::Error;
use crate::{config, stages};

/// How a command ends that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// All went well.
    Done,
    /// `run --keep-going` could not compute everything.
    Partial,
    /// `plan --exit-code` found something to compute.
    Stale,
}

/// Why a command did not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// The pipeline file is wrong, at these places.
    Diagnostics(config::Diagnostics),
    /// Anything else.
    Error(Error),
}

impl Failure {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Diagnostics(_) => exit_code::USAGE,
            Self::Error(error) => exit_code::of(error.kind()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<config::Diagnostics> for Failure {
    fn from(diagnostics: config::Diagnostics) -> Self {
        Self::Diagnostics(diagnostics)
    }
}

impl From<stages::AssembleError> for Failure {
    fn from(error: stages::AssembleError) -> Self {
        match error {
            stages::AssembleError::Configuration(diagnostics) => Self::Diagnostics(diagnostics),
            stages::AssembleError::Data(error) => Self::Error(error),
        }
    }
}
