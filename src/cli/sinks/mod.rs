//! Events on the terminal. Which sink shows them depends on the terminal and on `--quiet`.

mod bars;
mod plain;
mod progress_line;
mod quiet;

pub(super) use quiet::Quiet;

use super::output;
use super::text::{Style, Text};
use crate::engine::EventSink;
use crate::sinks::{LineLabel, LogLine};
use bars::Bars;
use plain::Plain;

/// Creates the sink for this terminal. Failures are shown as they happen if the run continues after them; otherwise the
/// command prints its failure when it exits.
pub(super) fn for_terminal(quiet: bool, keep_going: bool) -> Box<dyn EventSink> {
    match (quiet, output::is_live()) {
        (true, _) => Box::new(Quiet),
        (false, true) => Box::new(Bars::new(keep_going)),
        (false, false) => Box::new(Plain::new(keep_going)),
    }
}

/// Returns the lines to print, in color.
fn shown(lines: &[LogLine], failures: bool) -> impl Iterator<Item = Text> {
    let lines = lines.iter().filter(move |line| failures || line.label != Some(LineLabel::Failed));
    lines.map(|line| match line.label {
        Some(label) => Text::styled(label.word(), style(label)).with(format!(" {}", line.text)),
        None => line.text.as_str().into(),
    })
}

fn style(label: LineLabel) -> Style {
    match label {
        LineLabel::Cached => Style::Dim,
        LineLabel::Done => Style::Good,
        LineLabel::Warning | LineLabel::Skipped => Style::Warning,
        LineLabel::Failed => Style::Error,
    }
}
