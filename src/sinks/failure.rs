//! Failures of sinks: a run does not end because a metric cannot be written.

use crate::base::{Error, Result};
use crate::engine::{Event, EventSink};
use std::sync::OnceLock;

/// First failure of a sink, which is reported once.
pub(super) struct FirstFailure<'a> {
    /// Name of the sink and where to report, unless the owner of the sink asks for the failure.
    reporting: Option<(&'static str, &'a dyn EventSink)>,
    failure: OnceLock<String>,
}

impl<'a> FirstFailure<'a> {
    /// Keeps the failure for [`FirstFailure::get`].
    pub(super) fn kept() -> Self {
        Self { reporting: None, failure: OnceLock::new() }
    }

    /// Reports the failure of a sink as a warning to other sinks.
    pub(super) fn reported(sink: &'static str, to: &'a dyn EventSink) -> Self {
        Self { reporting: Some((sink, to)), failure: OnceLock::new() }
    }

    /// Notes the result of a write. Call it without holding a lock that a sink may need.
    pub(super) fn note(&self, written: Result<()>) {
        let Err(error) = written else { return };
        let text = describe(&error);
        if let (Ok(()), Some((sink, events))) = (self.failure.set(text.clone()), self.reporting) {
            let text = format!("{text}; the run continues, and metrics are missing there");
            events.emit(&Event::Warning { stage: sink.to_owned(), text });
        }
    }

    /// Returns the first failure.
    pub(super) fn get(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }
}

fn describe(error: &Error) -> String {
    error.place().map(|place| format!("{place}: ")).unwrap_or_default() + error.what()
}
