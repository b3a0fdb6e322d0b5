//! Events on the terminal: a bar where lines can be drawn again, plain lines elsewhere.

use super::output::{self, Tone, paint};
use crate::engine::{Event, EventSink};
use indicatif::{ProgressBar, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Least time between two progress lines where no bar can be drawn.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// How often the clock beside a bar moves.
const TICK: Duration = Duration::from_millis(200);

/// Shows events on standard error.
pub(super) struct Progress {
    live: bool,
    color: bool,
    quiet: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The bar of the stage that runs.
    bar: Option<ProgressBar>,
    /// When the stage that runs was last heard of in a plain line.
    last_line: Option<Instant>,
    /// Cached stages that no line has told of yet.
    cached: usize,
}

impl Progress {
    /// Shows all events, or only warnings if `quiet`.
    pub(super) fn new(quiet: bool) -> Self {
        let (live, color) = (output::is_live(), output::color_on_stderr());
        Self { live, color, quiet, state: Mutex::default() }
    }

    /// Ends the bar and tells of cached stages that no line has told of yet.
    pub(super) fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clear_bar();
        self.tell_cached(&mut state);
    }

    fn tell_cached(&self, state: &mut State) {
        let count = std::mem::take(&mut state.cached);
        if count > 0 && !self.quiet {
            let stages = if count == 1 { "stage" } else { "stages" };
            state.line(&format!("{} {count} {stages}", paint("cached", Tone::Dim, self.color)));
        }
    }

    fn start(&self, state: &mut State, stage: &str) {
        state.last_line = Some(Instant::now());
        if self.live {
            state.bar = Some(bar(stage));
        } else {
            state.line(&format!("{stage}: started"));
        }
    }

    fn advance(&self, state: &mut State, stage: &str, (done, total): (u64, u64), detail: &str) {
        if let Some(bar) = &state.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(detail.to_owned());
        } else if !self.live && state.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
            state.last_line = Some(Instant::now());
            let percent = (100 * done).checked_div(total).unwrap_or(0);
            state.line(format!("{stage}: {done}/{total} ({percent} %)  {detail}").trim_end());
        }
    }

    fn end(&self, state: &mut State, stage: &str, elapsed: Duration, summary: &str) {
        state.clear_bar();
        let done = paint("done", Tone::Good, self.color);
        let time = format_seconds(elapsed);
        state.line(format!("{done} {stage} in {time}  {summary}").trim_end());
    }
}

impl EventSink for Progress {
    fn emit(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        if let Event::Warning { stage, text } = event {
            let warning = paint("warning:", Tone::Warning, self.color);
            return state.line(&format!("{warning} {stage}: {text}"));
        }
        if self.quiet {
            return;
        }
        if let Event::Cached { .. } = event {
            state.cached += 1;
            return;
        }
        self.tell_cached(state);
        match event {
            Event::Started { stage } => self.start(state, stage),
            Event::Progress { stage, done, total, detail } => self.advance(state, stage, (*done, *total), detail),
            Event::Note { stage, text } => state.line(&format!("{stage}: {text}")),
            Event::Finished { stage, elapsed, summary } => self.end(state, stage, *elapsed, summary),
            Event::Skipped { stage, because } => state.line(&format!("{stage}: skipped, it needs {because}")),
            // The error itself is printed when the command ends.
            Event::Failed { .. } => state.clear_bar(),
            Event::Cached { .. } | Event::Warning { .. } => {}
        }
    }
}

impl State {
    /// Prints a line above the bar.
    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| output::message(line)),
            None => output::message(line),
        }
    }

    fn clear_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(stage: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_prefix(stage.to_owned());
    let template = "{spinner} {prefix} [{bar:24}] {pos}/{len} {msg}  {elapsed} < {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// A duration for people: `0.42 s`, `12.3 s`, `4 min 05 s`, `2 h 03 min`.
pub(super) fn format_seconds(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    match elapsed.as_secs() {
        0..10 => format!("{seconds:.2} s"),
        10..60 if seconds < 59.95 => format!("{seconds:.1} s"),
        // What would round to `60.0 s` is a minute.
        10..60 => "1 min 00 s".to_owned(),
        whole @ 60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        whole => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_for_people() {
        for (milliseconds, text) in [
            (421, "0.42 s"),
            (12_340, "12.3 s"),
            (59_960, "1 min 00 s"),
            (245_900, "4 min 05 s"),
            (2_799_000, "46 min 39 s"),
            (7_260_000, "2 h 01 min"),
            (7_380_000, "2 h 03 min"),
        ] {
            assert_eq!(format_seconds(Duration::from_millis(milliseconds)), text);
        }
    }
}
