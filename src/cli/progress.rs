//! Events on the terminal: a bar for each running stage where lines can be drawn again, plain lines elsewhere.

use super::output;
use super::text::{Text, Tone};
use crate::base::panics;
use crate::base::text::visible;
use crate::engine::{Event, EventSink};
use crate::runs::{Line, Lines, Mark};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Least time between two progress lines of a stage where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// How often the clock beside a bar moves.
const TICK: Duration = Duration::from_millis(200);

/// Shows events on standard error.
pub(super) struct Progress {
    quiet: bool,
    /// Whether a run goes on after a failure, so that its end may be far away.
    goes_on: bool,
    state: Mutex<State>,
}

struct State {
    lines: Lines,
    /// The bars of the stages that run; none where nothing can be drawn again.
    bars: Option<Bars>,
}

#[derive(Default)]
struct Bars {
    all: MultiProgress,
    by_stage: HashMap<String, ProgressBar>,
}

impl Progress {
    /// Shows all events, or only warnings if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let (lines, bars) = match output::is_live() {
            true => (Lines::without_progress(), Some(Bars::default())),
            false => (Lines::new(LINE_INTERVAL), None),
        };
        Self { quiet, goes_on: false, state: Mutex::new(State { lines, bars }) }
    }

    /// Tells of failures at once, for a run that goes on after them.
    pub(super) fn of_run_that_goes_on(self, goes_on: bool) -> Self {
        Self { goes_on, ..self }
    }

    /// Ends the bars and tells of cached stages that no line has told of yet.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bars) = &mut state.bars {
            bars.clear();
        }
        let rest = state.lines.rest();
        rest.iter().for_each(|line| self.show(&state, line));
    }

    fn show(&self, state: &State, line: &Line) {
        let text = match line.mark {
            Some(mark) => Text::toned(mark.word(), tone(mark)).with(format!(" {}", line.text)),
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
            bars.take(event);
        }
        let lines = state.lines.of(event);
        // Why a stage failed is printed when the command ends.
        let shown = lines.iter().filter(|line| self.goes_on || line.mark != Some(Mark::Failed));
        shown.for_each(|line| self.show(&state, line));
    }
}

fn tone(mark: Mark) -> Tone {
    match mark {
        Mark::Cached => Tone::Dim,
        Mark::Done => Tone::Good,
        Mark::Warning | Mark::Skipped => Tone::Warning,
        Mark::Failed => Tone::Error,
    }
}

impl Bars {
    fn take(&mut self, event: &Event) {
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
    // Where no thread is to be had, the clock moves with the progress.
    let _ = panics::caught(|| bar.enable_steady_tick(TICK));
    bar
}
