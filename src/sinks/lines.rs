//! Log lines of events, for terminals without progress bars and for the log of a run.

use super::wording;
use crate::base::human;
use crate::base::text::{visible, visible_lines};
use crate::engine::Event;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

/// Line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// Label at the start of the line, if any; shown in color.
    pub label: Option<LineLabel>,
    /// Text after the label.
    pub text: String,
}

/// Label of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineLabel {
    /// Artifacts were already in the store.
    Cached,
    /// A stage finished.
    Done,
    /// A warning.
    Warning,
    /// A stage was skipped because it depends on a failed one.
    Skipped,
    /// A stage failed.
    Failed,
}

impl LineLabel {
    /// Returns the first word of the line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Done => "done",
            Self::Warning => "warning:",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label {
            Some(label) => write!(f, "{} {}", label.word(), self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Formatter that turns the events of a run into log lines.
#[derive(Debug)]
pub(crate) struct LogLines {
    /// Minimum time between two progress lines of a stage; none if starts and progress are shown in another way.
    interval: Option<Duration>,
    /// Time of the last start or progress line of each running stage.
    last_shown: HashMap<String, Instant>,
    /// Number of cached stages not yet reported.
    cached: usize,
}

impl LogLines {
    /// Formats all events, with at most one progress line per interval and stage.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { interval: Some(interval), last_shown: HashMap::new(), cached: 0 }
    }

    /// Formats all events except starts and progress.
    pub(crate) fn without_progress() -> Self {
        Self { interval: None, last_shown: HashMap::new(), cached: 0 }
    }

    /// Returns the lines of an event, in order.
    pub(crate) fn format(&mut self, event: &Event) -> Vec<LogLine> {
        if let Event::Cached { .. } = event {
            self.cached += 1;
            return Vec::new();
        }
        if let Event::Epoch { .. } = event {
            return Vec::new();
        }
        let line = self.line(event);
        // The number of cached stages is reported before the next event other than a warning.
        let cached = if matches!(event, Event::Warning { .. }) { None } else { self.flush() };
        cached.into_iter().chain(line).collect()
    }

    /// Returns the line with the cached stages not yet reported, if any.
    pub(crate) fn flush(&mut self) -> Option<LogLine> {
        let count = std::mem::take(&mut self.cached);
        (count > 0).then(|| LogLine { label: Some(LineLabel::Cached), text: human::count(count, "stage") })
    }

    fn line(&mut self, event: &Event) -> Option<LogLine> {
        let (label, text) = match event {
            Event::Started { stage } if self.is_due(stage, true) => (None, format!("{stage}: started")),
            Event::Resumed { stage, epoch, step } => (None, format!("{stage}: {}", wording::resumed(*epoch, *step))),
            Event::Progress { stage, progress } if self.is_due(stage, false) => {
                (None, format!("{stage}: {}", wording::progress(progress)))
            }
            Event::Speed { stage, speed } => (None, format!("{stage}: {}", wording::speed(speed))),
            Event::Note { stage, text } => (None, format!("{stage}: {text}")),
            Event::Warning { stage, text } => (Some(LineLabel::Warning), format!("{stage}: {text}")),
            Event::Finished { stage, elapsed, summary } => {
                let summary = wording::summary(summary);
                (Some(LineLabel::Done), format!("{stage} in {}  {summary}", human::duration(*elapsed)))
            }
            Event::Skipped { stage, because } => (Some(LineLabel::Skipped), format!("{stage}: {because} failed")),
            // May have a second line with the help.
            Event::Failed { error, .. } => {
                return Some(LogLine { label: Some(LineLabel::Failed), text: visible_lines(error).into_owned() });
            }
            Event::Cached { .. } | Event::Started { .. } | Event::Progress { .. } | Event::Epoch { .. } => return None,
        };
        Some(LogLine { label, text: visible(text.trim_end()).into_owned() })
    }

    /// Whether to show a stage's start or progress now.
    fn is_due(&mut self, stage: &str, start: bool) -> bool {
        let Some(interval) = self.interval else { return false };
        let recent = self.last_shown.get(stage).is_some_and(|shown| shown.elapsed() < interval);
        let due = start || !recent;
        if due {
            self.last_shown.insert(stage.to_owned(), Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Progress, StageSummary};

    fn texts(lines: &mut LogLines, event: Event) -> Vec<String> {
        lines.format(&event).iter().map(LogLine::to_string).collect()
    }

    fn progress(done: u64, total: u64) -> Event {
        let progress = Progress { done, total, unit: "images".into(), training: None };
        Event::Progress { stage: "a".into(), progress }
    }

    #[test]
    fn events_become_lines_and_cached_stages_are_counted() {
        let mut lines = LogLines::new(Duration::ZERO);
        for _ in 0..2 {
            assert!(texts(&mut lines, Event::Cached { stage: "c".into() }).is_empty());
        }
        let warning = Event::Warning { stage: "w".into(), text: "look".into() };
        assert_eq!(texts(&mut lines, warning), ["warning: w: look"]);
        assert_eq!(texts(&mut lines, Event::Started { stage: "a".into() }), ["cached 2 stages", "a: started"]);
        assert_eq!(texts(&mut lines, progress(3, 4)), ["a: 3/4 (75 %)  images"]);
        assert_eq!(texts(&mut lines, progress(3, 0)), ["a: 3/0 (0 %)  images"]);
        let finished =
            |summary: StageSummary| Event::Finished { stage: "a".into(), elapsed: Duration::from_millis(420), summary };
        assert_eq!(texts(&mut lines, finished(StageSummary::default())), ["done a in 0.42 s"]);
        assert_eq!(
            texts(&mut lines, finished(StageSummary::default().count("images", 3))),
            ["done a in 0.42 s  3 images"]
        );
        assert_eq!(texts(&mut lines, Event::Failed { stage: "a".into(), error: "a: no".into() }), ["failed a: no"]);
        assert_eq!(lines.flush(), None);
    }

    #[test]
    fn progress_is_shown_at_intervals_or_not_at_all() {
        let mut lines = LogLines::new(Duration::from_secs(1000));
        assert_eq!(texts(&mut lines, Event::Started { stage: "a".into() }).len(), 1);
        assert!(texts(&mut lines, progress(1, 4)).is_empty());
        let mut lines = LogLines::without_progress();
        assert!(texts(&mut lines, Event::Started { stage: "a".into() }).is_empty());
        assert!(texts(&mut lines, progress(1, 4)).is_empty());
    }
}
