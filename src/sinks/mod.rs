//! Sinks of events that are not the terminal: files in the directory of a run. [`SINKS`] lists those that a user can
//! ask for; the log and the events of a run are always written.

mod failure;
mod fan_out;
pub(crate) mod json_lines;
pub(crate) mod lines;
pub(crate) mod live;
pub(crate) mod log_file;
pub(crate) mod overall;
mod record_file;
mod tensorboard;
pub(crate) mod wording;

pub(crate) use fan_out::FanOut;
pub(crate) use json_lines::JsonLines;
pub(crate) use lines::{LineLabel, LogLine, LogLines};
pub(crate) use live::LIVE;
pub(crate) use log_file::LogFile;
pub(crate) use overall::OverallProgress;

use crate::engine::EventSink;
use std::path::Path;

/// File of the page that `run --watch` rewrites, in the directory of the run.
pub(crate) const LIVE_PAGE: &str = "live.html";

/// Sink that `simclr run --sink NAME` adds to a run.
#[derive(Clone, Copy)]
pub(crate) struct SinkKind {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it writes, for the help.
    pub about: &'static str,
    /// Creates it; files are created with the first event.
    pub open: for<'a> fn(SinkPlace<'a>) -> Box<dyn EventSink + 'a>,
}

/// Where a sink writes.
#[derive(Clone, Copy)]
pub(crate) struct SinkPlace<'a> {
    /// Directory of the run.
    pub run: &'a Path,
    /// Receives a warning if the sink cannot write.
    pub warnings: &'a dyn EventSink,
}

/// Every sink that a user can ask for.
pub(crate) static SINKS: &[SinkKind] = &[json_lines::KIND, tensorboard::KIND, live::KIND];
