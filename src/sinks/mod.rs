//! Sinks of events that are not the terminal: files in the directory of a run. [`SINKS`] lists those that a user can
//! ask for; the log and the events of a run are always written.

mod failure;
mod fan_out;
pub mod json_lines;
pub mod lines;
pub mod log_file;
mod record_file;
mod tensorboard;
pub mod wording;

pub use fan_out::FanOut;
pub use json_lines::JsonLines;
pub use lines::{LineLabel, LogLine, LogLines};
pub use log_file::LogFile;

use crate::engine::EventSink;
use std::path::Path;

/// Sink that `simclr run --sink NAME` adds to a run.
#[derive(Clone, Copy)]
pub struct SinkKind {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it writes, for the help.
    pub about: &'static str,
    /// Creates it; files are created with the first event.
    pub open: for<'a> fn(SinkPlace<'a>) -> Box<dyn EventSink + 'a>,
}

/// Where a sink writes.
#[derive(Clone, Copy)]
pub struct SinkPlace<'a> {
    /// Directory of the run.
    pub run: &'a Path,
    /// Receives a warning if the sink cannot write.
    pub warnings: &'a dyn EventSink,
}

/// Every sink that a user can ask for.
pub static SINKS: &[SinkKind] = &[json_lines::KIND, tensorboard::KIND];
