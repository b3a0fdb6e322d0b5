//! Only warnings, for `--quiet`.

use super::output;
use crate::base::text::visible;
use crate::engine::{Event, EventSink};

/// Prints warnings to standard error.
pub(in crate::cli) struct Quiet;

impl EventSink for Quiet {
    fn emit(&self, event: &Event) {
        if let Event::Warning { stage, text } = event {
            output::warn(visible(&format!("{stage}: {text}")));
        }
    }
}
