//! Events on a terminal that can redraw lines: one line with the progress of the run, above it lines for the rest.

use super::progress_line::progress_line;
use super::{output, shown};
use crate::base::panics;
use crate::engine::{Event, EventSink, PlannedStage};
use crate::sinks::{LogLine, LogLines, OverallProgress};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(200);
/// Columns of the spinner and the space after it; one column stays free, since some terminals wrap a full line.
const BESIDE: usize = 3;

/// Shows the progress on standard error.
pub(super) struct Bars {
    /// Whether failures are shown immediately.
    failures: bool,
    line: ProgressBar,
    state: Mutex<State>,
}

struct State {
    lines: LogLines,
    overall: OverallProgress,
}

impl Bars {
    /// Creates a sink that shows failures as they happen, or leaves them to the command.
    pub(super) fn new(failures: bool) -> Self {
        let state = State { lines: LogLines::without_progress(), overall: OverallProgress::default() };
        let line = ProgressBar::new_spinner();
        // `wide_msg` is cut if the terminal has become narrower since the message was written.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            line.set_style(style);
        }
        Self { failures, line, state: Mutex::new(state) }
    }

    fn show(&self, lines: &[LogLine]) {
        shown(lines, self.failures).for_each(|text| self.line.suspend(|| output::message(text)));
    }
}

impl EventSink for Bars {
    fn emit(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.overall.update(event, now);
        let message = progress_line(&state.overall, now, output::error_width().saturating_sub(BESIDE));
        let lines = state.lines.format(event);
        self.show(&lines);
        self.line.set_message(message);
    }

    fn planned(&self, stages: &[PlannedStage]) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).overall.planned(stages);
        // If no thread can be started, the line is updated only with the events.
        let _ = panics::catch(|| self.line.enable_steady_tick(TICK));
    }

    fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.line.finish_and_clear();
        let rest = state.lines.flush();
        self.show(rest.as_slice());
    }
}
