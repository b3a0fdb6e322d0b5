//! Events as lines for people: on a terminal that cannot draw a bar, and in the log of a run.

use crate::base::human;
use crate::base::text::{visible, visible_lines};
use crate::engine::Event;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

/// A line for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What kind of line it is, where that is worth a color.
    pub mark: Option<Mark>,
    /// The text after the mark's word.
    pub text: String,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Artifacts were there.
    Cached,
    /// A stage is finished.
    Done,
    /// Something to look at.
    Warning,
    /// A stage is not computed, since one that it needs failed.
    Skipped,
    /// A stage failed.
    Failed,
}

impl Mark {
    /// The word that begins the line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Cached => "cached",
            Self::Done => "done",
            Self::Warning => "warning:",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mark {
            Some(mark) => write!(f, "{} {}", mark.word(), self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Turns the events of one run into lines.
#[derive(Debug)]
pub struct Lines {
    /// Least time between two lines of progress of a stage; none where something else shows starts and progress.
    interval: Option<Duration>,
    /// When each running stage was last heard of.
    heard: HashMap<String, Instant>,
    /// Cached stages that no line has told of yet.
    cached: usize,
}

impl Lines {
    /// Lines of all events, of progress at most one in an interval and stage.
    pub fn new(interval: Duration) -> Self {
        Self { interval: Some(interval), heard: HashMap::new(), cached: 0 }
    }

    /// Lines of all events but starts and progress.
    pub fn without_progress() -> Self {
        Self { interval: None, heard: HashMap::new(), cached: 0 }
    }

    /// The lines that an event makes, in order.
    pub fn of(&mut self, event: &Event) -> Vec<Line> {
        if let Event::Cached { .. } = event {
            self.cached += 1;
            return Vec::new();
        }
        let line = self.line(event);
        // Warnings come at once; how many stages are cached is told before the next thing that happens.
        let cached = if matches!(event, Event::Warning { .. }) { None } else { self.rest() };
        cached.into_iter().chain(line).collect()
    }

    /// The line of the cached stages that no line has told of yet.
    pub fn rest(&mut self) -> Option<Line> {
        let count = std::mem::take(&mut self.cached);
        (count > 0).then(|| Line { mark: Some(Mark::Cached), text: human::count(count, "stage") })
    }

    fn line(&mut self, event: &Event) -> Option<Line> {
        let (mark, text) = match event {
            Event::Started { stage } if self.is_due(stage, true) => (None, format!("{stage}: started")),
            Event::Progress { stage, done, total, detail } if self.is_due(stage, false) => {
                (None, format!("{stage}: {}", human::progress(*done, *total, detail)))
            }
            Event::Note { stage, text } => (None, format!("{stage}: {text}")),
            Event::Warning { stage, text } => (Some(Mark::Warning), format!("{stage}: {text}")),
            Event::Finished { stage, elapsed, summary } => {
                (Some(Mark::Done), format!("{stage} in {}  {summary}", human::duration(*elapsed)))
            }
            Event::Skipped { stage, because } => (Some(Mark::Skipped), format!("{stage}: {because} failed")),
            // What went wrong, and below it what to do.
            Event::Failed { error, .. } => {
                return Some(Line { mark: Some(Mark::Failed), text: visible_lines(error).into_owned() });
            }
            Event::Cached { .. } | Event::Started { .. } | Event::Progress { .. } => return None,
        };
        Some(Line { mark, text: visible(text.trim_end()).into_owned() })
    }

    /// Whether a stage's start or progress is told now.
    fn is_due(&mut self, stage: &str, start: bool) -> bool {
        let Some(interval) = self.interval else { return false };
        let recent = self.heard.get(stage).is_some_and(|heard| heard.elapsed() < interval);
        let due = start || !recent;
        if due {
            self.heard.insert(stage.to_owned(), Instant::now());
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &mut Lines, event: Event) -> Vec<String> {
        lines.of(&event).iter().map(Line::to_string).collect()
    }

    fn progress(done: u64, total: u64) -> Event {
        Event::Progress { stage: "a".into(), done, total, detail: "loss 2.3".into() }
    }

    #[test]
    fn events_become_lines_and_cached_stages_are_counted() {
        let mut lines = Lines::new(Duration::ZERO);
        for _ in 0..2 {
            assert!(texts(&mut lines, Event::Cached { stage: "c".into() }).is_empty());
        }
        let warning = Event::Warning { stage: "w".into(), text: "look".into() };
        assert_eq!(texts(&mut lines, warning), ["warning: w: look"]);
        assert_eq!(texts(&mut lines, Event::Started { stage: "a".into() }), ["cached 2 stages", "a: started"]);
        assert_eq!(texts(&mut lines, progress(3, 4)), ["a: 3/4 (75 %)  loss 2.3"]);
        assert_eq!(texts(&mut lines, progress(3, 0)), ["a: 3/0 (0 %)  loss 2.3"]);
        let finished = |summary: &str| Event::Finished {
            stage: "a".into(),
            elapsed: Duration::from_millis(420),
            summary: summary.into(),
        };
        assert_eq!(texts(&mut lines, finished("")), ["done a in 0.42 s"]);
        assert_eq!(texts(&mut lines, finished("loss 1")), ["done a in 0.42 s  loss 1"]);
        assert_eq!(texts(&mut lines, Event::Failed { stage: "a".into(), error: "a: no".into() }), ["failed a: no"]);
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn progress_is_told_now_and_then_or_not_at_all() {
        let mut lines = Lines::new(Duration::from_secs(1000));
        assert_eq!(texts(&mut lines, Event::Started { stage: "a".into() }).len(), 1);
        assert!(texts(&mut lines, progress(1, 4)).is_empty());
        let mut lines = Lines::without_progress();
        assert!(texts(&mut lines, Event::Started { stage: "a".into() }).is_empty());
        assert!(texts(&mut lines, progress(1, 4)).is_empty());
    }
}
