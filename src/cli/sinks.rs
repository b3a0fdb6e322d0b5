//! Several event sinks as one.

use crate::engine::{Event, EventSink};

/// Passes each event to every sink.
pub(super) struct Sinks<'a>(pub(super) Vec<&'a dyn EventSink>);

impl EventSink for Sinks<'_> {
    fn emit(&self, event: &Event) {
        self.0.iter().for_each(|sink| sink.emit(event));
    }
}
