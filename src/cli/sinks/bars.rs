//! Events on a terminal that can redraw lines: a progress bar per running stage, lines for the rest.

use super::{output, shown};
use crate::base::panics;
use crate::base::text::visible;
use crate::engine::{Event, EventSink};
use crate::sinks::{LogLine, LogLines, wording};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often the clock next to a bar is updated.
const TICK: Duration = Duration::from_millis(200);

/// Shows progress bars on standard error.
pub(super) struct Bars {
    /// Whether failures are shown immediately.
    failures: bool,
    state: Mutex<State>,
}

struct State {
    lines: LogLines,
    all: MultiProgress,
    by_stage: HashMap<String, ProgressBar>,
}

impl Bars {
    /// Creates a sink that shows failures as they happen, or leaves them to the command.
    pub(super) fn new(failures: bool) -> Self {
        let (lines, all) = (LogLines::without_progress(), MultiProgress::default());
        Self { failures, state: Mutex::new(State { lines, all, by_stage: HashMap::new() }) }
    }
}

impl EventSink for Bars {
    fn emit(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.update(event);
        let lines = state.lines.format(event);
        state.show(&lines, self.failures);
    }

    fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.by_stage.drain().for_each(|(_, bar)| bar.finish_and_clear());
        let rest = state.lines.flush();
        state.show(rest.as_slice(), self.failures);
    }
}

impl State {
    fn update(&mut self, event: &Event) {
        match event {
            Event::Started { stage } => {
                self.by_stage.insert(stage.clone(), start(&self.all, stage));
            }
            Event::Progress { stage, progress } => {
                if let Some(bar) = self.by_stage.get(stage) {
                    bar.set_length(progress.total);
                    bar.set_position(progress.done);
                    bar.set_message(visible(&wording::detail(progress)).into_owned());
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

    fn show(&self, lines: &[LogLine], failures: bool) {
        shown(lines, failures).for_each(|text| self.all.suspend(|| output::message(text)));
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
