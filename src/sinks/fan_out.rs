//! Several event sinks as one.

use crate::engine::{Event, EventSink, PlannedStage};

/// Passes each event to every sink.
pub(crate) struct FanOut<'a>(pub Vec<&'a dyn EventSink>);

impl EventSink for FanOut<'_> {
    fn emit(&self, event: &Event) {
        self.0.iter().for_each(|sink| sink.emit(event));
    }

    fn planned(&self, stages: &[PlannedStage]) {
        self.0.iter().for_each(|sink| sink.planned(stages));
    }

    fn finish(&self) {
        self.0.iter().for_each(|sink| sink.finish());
    }
}
