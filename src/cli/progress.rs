//! Events on the terminal: a progress bar per running stage where lines can be redrawn, plain lines elsewhere.

use super::output;
use super::text::{Style, Text};
use crate::base::panics;
use crate::base::text::visible;
use crate::engine::{Event, EventSink};
use crate::runs::{LineLabel, LogLine, LogLines};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Minimum time between two progress lines of a stage where bars cannot be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// How often the clock next to a bar is updated.
const TICK: Duration = Duration::from_millis(200);

/// Shows events on standard error.
pub(super) struct Progress {
    quiet: bool,
    /// Whether the run continues after a failure, so that failures are shown immediately.
    keep_going: bool,
    state: Mutex<ProgressState>,
}

struct ProgressState {
    lines: LogLines,
    /// The bars of the running stages; `None` where lines cannot be redrawn.
    bars: Option<Bars>,
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    by_stage: HashMap<String, ProgressBar>,
}

impl Progress {
    /// Creates a sink that shows all events, or only warnings if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let (lines, bars) = match output::is_live() {
            true => (LogLines::without_progress(), Some(Bars::default())),
            false => (LogLines::new(LINE_INTERVAL), None),
        };
        Self { quiet, keep_going: false, state: Mutex::new(ProgressState { lines, bars }) }
    }

    /// Shows failures immediately if the run continues after them.
    pub(super) fn keep_going(self, keep_going: bool) -> Self {
        Self { keep_going, ..self }
    }

    /// Removes the bars and prints the lines that are still pending.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bars) = &mut state.bars {
            bars.clear();
        }
        let rest = state.lines.flush();
        rest.iter().for_each(|line| self.show(&state, line));
    }

    fn show(&self, state: &ProgressState, line: &LogLine) {
        let text = match line.label {
            Some(mark) => Text::styled(mark.word(), style(mark)).with(format!(" {}", line.text)),
            None => line.text.as_str().into(),
        };
        match &state.bars {
            Some(bars) => bars.all.suspend(|| output::message(text)),
            None => output::message(text),
        }
    }
}

impl EventSink for Progress {
    fn emit(&self, event: &Event) {
        if self.quiet && !matches!(event, Event::Warning { .. }) {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bars) = &mut state.bars {
            bars.update(event);
        }
        let lines = state.lines.format(event);
        // Otherwise the command prints the failure when it exits.
        let shown = lines.iter().filter(|line| self.keep_going || line.label != Some(LineLabel::Failed));
        shown.for_each(|line| self.show(&state, line));
    }
}

fn style(mark: LineLabel) -> Style {
    match mark {
        LineLabel::Cached => Style::Dim,
        LineLabel::Done => Style::Good,
        LineLabel::Warning | LineLabel::Skipped => Style::Warning,
        LineLabel::Failed => Style::Error,
    }
}

impl Bars {
    fn update(&mut self, event: &Event) {
        match event {
            Event::Started { stage } => {
                self.by_stage.insert(stage.clone(), start(&self.all, stage));
            }
            Event::Progress { stage, done, total, detail } => {
                if let Some(bar) = self.by_stage.get(stage) {
                    bar.set_length(*total);
                    bar.set_position(*done);
                    bar.set_message(visible(detail).into_owned());
                }
            }
            Event::Finished { stage, .. } | Event::Failed { stage, .. } => {
                if let Some(bar) = self.by_stage.remove(stage) {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn clear(&mut self) {
        self.by_stage.drain().for_each(|(_, bar)| bar.finish_and_clear());
    }
}

fn start(bars: &MultiProgress, stage: &str) -> ProgressBar {
    let bar = bars.add(ProgressBar::new(0).with_prefix(visible(stage).into_owned()));
    let template = "{spinner} {prefix} [{bar:24}] {pos}/{len} {msg}  {elapsed} < {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    // If no thread can be started, the clock is updated only with the progress.
    let _ = panics::catch(|| bar.enable_steady_tick(TICK));
    bar
}
