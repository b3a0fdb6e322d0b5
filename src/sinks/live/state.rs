//! What a live page shows: the state of a run, from its plan and its events.

use crate::base::{Error, human};
use crate::engine::{Event, PlannedStage, Progress, TrainingMetrics};
use crate::render::LivePage;
use crate::render::data::{CurveKind, CurveRow, TrainingCurve};
use crate::sinks::overall::OverallProgress;
use crate::sinks::wording;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime};

/// Maximum number of points of a curve: steps in between are averaged.
const MAX_POINTS: u64 = 200;
/// Maximum number of warnings and failures on the page, the newest.
const MAX_MESSAGES: usize = 20;

/// What is known of the run.
pub(super) struct State {
    pub(super) overall: OverallProgress,
    pub(super) curves: Vec<LiveCurve>,
    /// Result of each stage that has ended.
    results: HashMap<String, (&'static str, String)>,
    cached: usize,
    messages: Vec<String>,
    speed: Option<f64>,
    start: Instant,
    pub(super) has_ended: bool,
    pub(super) has_changed: bool,
    pub(super) failure: Option<Error>,
}

/// The steps of a training run so far, averaged over equal parts of the run.
pub(super) struct LiveCurve {
    kind: CurveKind,
    stage: String,
    chance: Option<f64>,
    pub(super) parts: BTreeMap<u64, Part>,
    epochs_per_part: f64,
}

/// Sums over the steps of a part.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    steps: f64,
    loss: f64,
    accuracy: f64,
    learning_rate: f64,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            overall: OverallProgress::default(),
            curves: Vec::new(),
            results: HashMap::new(),
            cached: 0,
            messages: Vec::new(),
            speed: None,
            start: Instant::now(),
            has_ended: false,
            has_changed: false,
            failure: None,
        }
    }

    /// Updates it with an event at a time.
    pub(super) fn update(&mut self, event: &Event, now: Instant) {
        self.has_changed = true;
        self.overall.update(event, now);
        match event {
            Event::Cached { .. } => self.cached += 1,
            Event::Progress { stage, progress } => {
                if let Some(metrics) = &progress.training {
                    self.speed = Some(metrics.views_per_second);
                    self.add_step(stage, progress, metrics);
                }
            }
            Event::Finished { stage, elapsed, summary } => {
                let text = format!("{}  {}", human::duration(*elapsed), wording::summary(summary));
                self.results.insert(stage.clone(), ("computed", text.trim_end().to_owned()));
            }
            Event::Skipped { stage, because } => {
                self.results.insert(stage.clone(), ("skipped", format!("{because} failed")));
            }
            Event::Failed { stage, error } => {
                self.results.insert(stage.clone(), ("failed", String::new()));
                self.add_message(error.clone());
            }
            Event::Warning { stage, text } => self.add_message(format!("{stage}: {text}")),
            _ => {}
        }
    }

    fn add_message(&mut self, text: String) {
        self.messages.push(text);
        let more = self.messages.len().saturating_sub(MAX_MESSAGES);
        self.messages.drain(..more);
    }

    fn add_step(&mut self, stage: &str, progress: &Progress, metrics: &TrainingMetrics) {
        let planned = self.overall.plan().iter().find(|planned| planned.stage == stage);
        let kind = match planned.map(|planned| planned.kind.as_str()) {
            Some("pretrain") => CurveKind::Pretrain,
            Some("supervised") => CurveKind::Supervised,
            // A probe trains for seconds, and a study has dozens.
            _ => return,
        };
        let at = self.curves.iter().position(|curve| curve.stage == stage).unwrap_or_else(|| {
            self.curves.push(LiveCurve {
                kind,
                stage: stage.to_owned(),
                chance: metrics.chance_loss,
                parts: BTreeMap::new(),
                epochs_per_part: metrics.epochs as f64 / MAX_POINTS.min(progress.total.max(1)) as f64,
            });
            self.curves.len() - 1
        });
        self.curves[at].add(progress, metrics);
    }

    /// Returns the content of the page of a run, at a time.
    pub(super) fn page(&self, run: &str, report: Option<String>, now: Instant) -> LivePage {
        let state = match (self.has_ended, self.messages.is_empty() || report.is_some()) {
            (false, _) => "Running",
            (true, true) => "Ended",
            (true, false) => "Ended without a report",
        };
        LivePage {
            run: run.to_owned(),
            state: state.to_owned(),
            facts: self.facts(now),
            stages: self.overall.plan().iter().map(|stage| self.stage(stage)).collect(),
            messages: self.messages.clone(),
            report: report.filter(|_| self.has_ended),
        }
    }

    fn facts(&self, now: Instant) -> Vec<(String, String)> {
        let left = self.overall.time_left(now).filter(|_| !self.has_ended);
        let end = left.map(|left| {
            let over = if left.is_minimum { "after" } else { "about" };
            format!("{over} {}, in {}", clock_time(left.seconds), human::rough_seconds(left.seconds))
        });
        let speed = self.speed.filter(|_| !self.overall.running().is_empty());
        let facts = [
            ("Stages", Some(format!("{} of {}, {} cached", self.overall.done(), self.overall.total(), self.cached))),
            ("Running for", Some(human::duration(now.duration_since(self.start)))),
            ("Estimated end", end),
            ("Speed", speed.map(|speed| format!("{speed:.0} views/s"))),
        ];
        facts.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact?))).collect()
    }

    fn stage(&self, planned: &PlannedStage) -> (String, String, String) {
        let name = planned.stage.clone();
        if let Some(running) = self.overall.running().iter().find(|running| running.name == name) {
            let progress = running.progress.as_ref().map(wording::progress).unwrap_or_default().replace("  ", ", ");
            return (name, "running".to_owned(), progress);
        }
        match self.results.get(&name).filter(|_| self.overall.has_ended(&name)) {
            Some((state, detail)) => (name, (*state).to_owned(), detail.clone()),
            None => (name, if self.has_ended { "not computed" } else { "waiting" }.to_owned(), String::new()),
        }
    }
}

/// Returns the time of day after so many seconds, `14:05 UTC`.
fn clock_time(seconds: f64) -> String {
    let after = Duration::try_from_secs_f64(seconds).ok().and_then(|left| SystemTime::now().checked_add(left));
    let text = after.map(|time| humantime::format_rfc3339_seconds(time).to_string()).unwrap_or_default();
    text.get(11..16).map(|time| format!("{time} UTC")).unwrap_or_default()
}

impl LiveCurve {
    fn add(&mut self, progress: &Progress, metrics: &TrainingMetrics) {
        let parts = MAX_POINTS.min(progress.total.max(1));
        let step = progress.done.saturating_sub(1);
        let at = u128::from(step) * u128::from(parts) / u128::from(progress.total.max(1));
        let part = self.parts.entry(u64::try_from(at).unwrap_or(parts)).or_default();
        part.steps += 1.0;
        part.loss += metrics.loss;
        part.accuracy += metrics.accuracy;
        part.learning_rate = metrics.learning_rate;
    }

    /// Returns the curve so far.
    pub(super) fn curve(&self) -> TrainingCurve {
        let row = |(at, part): (&u64, &Part)| CurveRow {
            epoch: (*at + 1) as f64 * self.epochs_per_part,
            loss: part.loss / part.steps,
            accuracy: part.accuracy / part.steps,
            learning_rate: part.learning_rate,
            ..CurveRow::default()
        };
        TrainingCurve {
            kind: self.kind,
            stage: self.stage.clone(),
            loss: "Loss".to_owned(),
            chance: self.chance,
            rows: self.parts.iter().map(row).collect(),
            ..TrainingCurve::default()
        }
    }
}
