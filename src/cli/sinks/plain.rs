//! Events as plain lines, where lines cannot be redrawn.

use super::{output, shown};
use crate::engine::{Event, EventSink};
use crate::sinks::{LogLine, LogLines};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Minimum time between two progress lines of a stage.
const INTERVAL: Duration = Duration::from_secs(10);

/// Prints lines to standard error.
pub(super) struct Plain {
    /// Whether failures are shown immediately.
    failures: bool,
    lines: Mutex<LogLines>,
}

impl Plain {
    /// Creates a sink that shows failures as they happen, or leaves them to the command.
    pub(super) fn new(failures: bool) -> Self {
        Self { failures, lines: Mutex::new(LogLines::new(INTERVAL)) }
    }

    fn show(&self, lines: &[LogLine]) {
        shown(lines, self.failures).for_each(output::message);
    }
}

impl EventSink for Plain {
    fn emit(&self, event: &Event) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(&lines.format(event));
    }

    fn finish(&self) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(lines.flush().as_slice());
    }
}
