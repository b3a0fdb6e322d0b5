//! Events as JSON lines: `{"event": {KIND: {...}}, "time": "..."}`.

use super::failure::FirstFailure;
use super::record_file::RecordFile;
use super::{SinkKind, SinkPlace};
use crate::base::Result;
use crate::engine::{Event, EventSink, clock};
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// `--sink jsonl`
pub(super) const KIND: SinkKind = SinkKind {
    name: "jsonl",
    about: "metrics.jsonl: every event, with the metrics of every training step, as a line of JSON",
    open: |place: SinkPlace<'_>| {
        let failure = FirstFailure::reported(KIND.name, place.warnings);
        Box::new(JsonLines::new(place.run.join("metrics.jsonl"), None, failure))
    },
};

/// Sink that writes events to a file.
pub(crate) struct JsonLines<'a> {
    /// Minimum time between two progress events of a stage.
    interval: Option<Duration>,
    state: Mutex<LinesState>,
    failure: FirstFailure<'a>,
}

struct LinesState {
    file: RecordFile,
    /// Time of the last progress of each stage.
    written: HashMap<String, Instant>,
}

impl<'a> JsonLines<'a> {
    fn new(path: PathBuf, interval: Option<Duration>, failure: FirstFailure<'a>) -> Self {
        let state = LinesState { file: RecordFile::new(path), written: HashMap::new() };
        Self { interval, state: Mutex::new(state), failure }
    }

    /// Creates a file for all events, with at most one progress event per interval and stage.
    ///
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn create(path: PathBuf, interval: Duration) -> Result<Self> {
        let mut lines = Self::new(path, Some(interval), FirstFailure::kept());
        lines.state.get_mut().unwrap_or_else(PoisonError::into_inner).file.open()?;
        Ok(lines)
    }

    /// Returns why an event could not be written, the first time.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get()
    }

    fn write(&self, event: &Event) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_due(event, self.interval) {
            return Ok(());
        }
        let line = json!({ "time": clock::now(), "event": event });
        state.file.append(format!("{line}\n").as_bytes())
    }
}

impl EventSink for JsonLines<'_> {
    fn emit(&self, event: &Event) {
        self.failure.note(self.write(event));
    }
}

impl LinesState {
    fn is_due(&mut self, event: &Event, interval: Option<Duration>) -> bool {
        let (Event::Progress { stage, .. }, Some(interval)) = (event, interval) else { return true };
        let is_due = self.written.get(stage).is_none_or(|last| last.elapsed() >= interval);
        if is_due {
            self.written.insert(stage.clone(), Instant::now());
        }
        is_due
    }
}
