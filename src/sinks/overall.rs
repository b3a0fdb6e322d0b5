//! How far a whole run is: stages k of n, and the time left.

use crate::engine::{Event, PlannedStage, Progress};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// Progress of a run, from its plan and its events.
#[derive(Debug, Default)]
pub(crate) struct OverallProgress {
    planned: Vec<PlannedStage>,
    ended: HashSet<String>,
    /// Stages that are being computed, in the order in which they started.
    running: Vec<RunningStage>,
    /// Seconds per unit of work of each kind in this run: their sum and number.
    rates: HashMap<String, (f64, usize)>,
}

/// Stage that is being computed.
#[derive(Clone, Debug)]
pub(crate) struct RunningStage {
    /// Name of the stage.
    pub(crate) name: String,
    /// Its latest progress.
    pub(crate) progress: Option<Progress>,
    started: Instant,
    /// Units that were already completed at its first progress, and the time of that: a training run may be resumed.
    first: Option<(u64, Instant)>,
}

/// Time left of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimeLeft {
    /// Seconds.
    pub(crate) seconds: f64,
    /// Whether there are stages without an estimate besides.
    pub(crate) is_minimum: bool,
}

impl OverallProgress {
    /// Adds the stages of a plan; those that have ended are not forgotten.
    pub(crate) fn planned(&mut self, stages: &[PlannedStage]) {
        self.planned.retain(|known| self.ended.contains(&known.stage));
        for stage in stages {
            self.planned.retain(|known| known.stage != stage.stage);
            self.ended.remove(&stage.stage);
            self.planned.push(stage.clone());
        }
    }

    /// Updates it with an event at a time.
    pub(crate) fn update(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Started { stage } => {
                self.stop(stage);
                let name = stage.clone();
                self.running.push(RunningStage { name, progress: None, started: now, first: None });
            }
            Event::Progress { stage, progress } => {
                if let Some(running) = self.running.iter_mut().find(|running| running.name == *stage) {
                    running.first.get_or_insert((progress.done, now));
                    running.progress = Some(progress.clone());
                }
            }
            Event::Finished { stage, elapsed, .. } => {
                self.end(stage);
                self.measure(stage, *elapsed);
            }
            Event::Failed { stage, .. } | Event::Skipped { stage, .. } | Event::Cached { stage } => self.end(stage),
            _ => {}
        }
    }

    /// Returns the number of planned stages.
    pub(crate) fn total(&self) -> usize {
        self.planned.len()
    }

    /// Returns the number of planned stages that have ended.
    pub(crate) fn done(&self) -> usize {
        self.planned.iter().filter(|stage| self.ended.contains(&stage.stage)).count()
    }

    /// Returns the stages that are being computed.
    pub(crate) fn running(&self) -> &[RunningStage] {
        &self.running
    }

    /// Returns the plan.
    pub(crate) fn plan(&self) -> &[PlannedStage] {
        &self.planned
    }

    /// Returns whether a planned stage has ended.
    pub(crate) fn has_ended(&self, stage: &str) -> bool {
        self.ended.contains(stage)
    }

    /// Returns the time left; `None` if nothing is known about it. As many stages as are running now are assumed to run
    /// at the same time until the end.
    pub(crate) fn time_left(&self, now: Instant) -> Option<TimeLeft> {
        let (mut seconds, mut longest, mut is_known, mut is_minimum) = (0.0, 0.0_f64, false, false);
        for stage in self.planned.iter().filter(|stage| !self.ended.contains(&stage.stage)) {
            let running = self.running.iter().find(|running| running.name == stage.stage);
            let estimate = running.and_then(|running| running.time_left(now));
            match estimate.or_else(|| self.estimate(stage, running, now)) {
                Some(left) => {
                    seconds += left;
                    longest = if running.is_some() { longest.max(left) } else { longest };
                    is_known = true;
                }
                // Stages of negligible work have no estimate.
                None => is_minimum |= stage.work.is_some(),
            }
        }
        let seconds = (seconds / self.running.len().max(1) as f64).max(longest);
        is_known.then_some(TimeLeft { seconds, is_minimum })
    }

    /// Estimates the time left of a stage from its work: by the stages of its kind in this run, or else by earlier runs.
    fn estimate(&self, stage: &PlannedStage, running: Option<&RunningStage>, now: Instant) -> Option<f64> {
        let measured = self.rates.get(&stage.kind).map(|(sum, count)| sum / *count as f64);
        let by_rate = measured.zip(stage.work).map(|(rate, work)| rate * work);
        let elapsed = running.map_or(0.0, |running| now.duration_since(running.started).as_secs_f64());
        by_rate.or(stage.seconds).map(|seconds| (seconds - elapsed).max(0.0))
    }

    fn measure(&mut self, stage: &str, elapsed: Duration) {
        let Some(planned) = self.planned.iter().find(|planned| planned.stage == stage) else { return };
        if let Some(work) = planned.work.filter(|work| *work > 0.0) {
            let (sum, count) = self.rates.entry(planned.kind.clone()).or_default();
            *sum += elapsed.as_secs_f64() / work;
            *count += 1;
        }
    }

    fn end(&mut self, stage: &str) {
        self.stop(stage);
        self.ended.insert(stage.to_owned());
    }

    fn stop(&mut self, stage: &str) {
        self.running.retain(|running| running.name != stage);
    }
}

impl RunningStage {
    /// Returns the completed fraction, if it is known.
    pub(crate) fn fraction(&self) -> Option<f64> {
        let progress = self.progress.as_ref().filter(|progress| progress.total > 0)?;
        Some((progress.done as f64 / progress.total as f64).min(1.0))
    }

    /// Returns the seconds that it will take at the speed since its first progress.
    fn time_left(&self, now: Instant) -> Option<f64> {
        let (progress, (before, since)) = (self.progress.as_ref()?, self.first?);
        let done = progress.done.checked_sub(before).filter(|done| *done > 0)?;
        let left = progress.total.saturating_sub(progress.done);
        Some(now.duration_since(since).as_secs_f64() / done as f64 * left as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StageSummary;

    fn stage(name: &str, kind: &str, work: Option<f64>, seconds: Option<f64>) -> PlannedStage {
        PlannedStage { stage: name.into(), kind: kind.into(), work, seconds }
    }

    fn started(stage: &str) -> Event {
        Event::Started { stage: stage.into() }
    }

    fn finished(stage: &str, seconds: u64) -> Event {
        let (elapsed, summary) = (Duration::from_secs(seconds), StageSummary::default());
        Event::Finished { stage: stage.into(), elapsed, summary }
    }

    fn progress(stage: &str, done: u64, total: u64) -> Event {
        Event::Progress { stage: stage.into(), progress: Progress { done, total, ..Progress::default() } }
    }

    #[test]
    fn stages_are_counted_and_estimates_added() {
        let (mut overall, start) = (OverallProgress::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(overall.time_left(start), None);
        overall.planned(&[
            stage("a", "pretrain", Some(10.0), Some(60.0)),
            stage("b", "pretrain", Some(20.0), None),
            stage("c", "report", None, None),
        ]);
        let left = |overall: &OverallProgress, seconds| overall.time_left(at(seconds)).unwrap();
        assert_eq!(left(&overall, 0), TimeLeft { seconds: 60.0, is_minimum: true });
        overall.update(&started("a"), at(0));
        assert_eq!(left(&overall, 20).seconds, 40.0, "the estimate runs down");
        // Resumed at half; since then 10 steps in 10 s.
        overall.update(&progress("a", 50, 100), at(20));
        overall.update(&progress("a", 60, 100), at(30));
        assert_eq!(left(&overall, 30).seconds, 40.0);
        overall.update(&finished("a", 50), at(70));
        assert_eq!((overall.done(), overall.total()), (1, 3));
        // 5 s per unit of work in this run.
        assert_eq!(left(&overall, 70), TimeLeft { seconds: 100.0, is_minimum: false });
    }

    #[test]
    fn a_second_plan_keeps_what_has_ended() {
        let (mut overall, now) = (OverallProgress::default(), Instant::now());
        overall.planned(&[stage("a", "k", None, None), stage("b", "k", None, None)]);
        overall.update(&started("a"), now);
        overall.update(&finished("a", 1), now);
        overall.planned(&[stage("b", "k", None, None), stage("c", "k", None, None)]);
        assert_eq!((overall.done(), overall.total()), (1, 3));
        overall.planned(&[stage("a", "k", None, None)]);
        assert_eq!((overall.done(), overall.total()), (0, 1), "it is computed again");
    }

    #[test]
    fn stages_in_parallel_share_the_time() {
        let (mut overall, now) = (OverallProgress::default(), Instant::now());
        let of = |name| stage(name, "k", Some(1.0), Some(30.0));
        overall.planned(&[of("a"), of("b"), of("c"), of("d")]);
        overall.update(&started("a"), now);
        overall.update(&started("b"), now);
        assert_eq!(overall.time_left(now).unwrap().seconds, 60.0);
        assert_eq!(overall.running().len(), 2);
    }
}
