//! The log of a run: its events as text.

use super::failure::FirstFailure;
use super::lines::{LogLine, LogLines};
use super::record_file::RecordFile;
use crate::base::Result;
use crate::base::text::visible_lines;
use crate::engine::{Event, EventSink, clock};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Sink that writes lines with their times.
pub(crate) struct LogFile {
    state: Mutex<LogState>,
    failure: FirstFailure<'static>,
}

struct LogState {
    lines: LogLines,
    file: RecordFile,
}

impl LogFile {
    /// Creates a log with at most one line of progress per interval and stage.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn create(path: PathBuf, interval: Duration) -> Result<Self> {
        let mut file = RecordFile::new(path);
        file.open()?;
        let state = LogState { lines: LogLines::new(interval), file };
        Ok(Self { state: Mutex::new(state), failure: FirstFailure::kept() })
    }

    /// Writes a line that is not from an event.
    pub(crate) fn line(&self, text: String) {
        self.write(|_| vec![LogLine { label: None, text }]);
    }

    /// Returns why a line could not be written, the first time.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get()
    }

    fn write(&self, lines: impl FnOnce(&mut LogLines) -> Vec<LogLine>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines(&mut state.lines) {
            let line = line.to_string();
            let record = format!("{}  {}\n", clock::now(), visible_lines(&line));
            self.failure.note(state.file.append(record.as_bytes()));
        }
    }
}

impl EventSink for LogFile {
    fn emit(&self, event: &Event) {
        self.write(|lines| lines.format(event));
    }

    fn finish(&self) {
        self.write(|lines| lines.flush().into_iter().collect());
    }
}
