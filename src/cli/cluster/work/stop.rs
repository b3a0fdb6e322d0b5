//! A task that was asked to stop: whether it starts again.

use super::super::super::failure::Finish;
use super::Task;
use crate::base::{Result, human};
use crate::engine::{Event, EventSink};
use crate::executor::task_files::{End, EndState, Life, LifeProgress, lives, write_end};
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of lives without progress after which a task has failed.
const MAX_LIVES_WITHOUT_PROGRESS: usize = 3;

/// What to do with a task that was asked to stop.
pub(super) enum Stop {
    /// It asks to start again.
    Requeue,
    /// It does not, for this reason; whoever collects may submit it again.
    Leave(String),
    /// Starting it again would not help.
    Fail(String),
}

/// Sink that notes how far the stage came that is being computed.
#[derive(Default)]
pub(super) struct Furthest(AtomicU64);

impl Furthest {
    pub(super) fn step(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl EventSink for Furthest {
    fn emit(&self, event: &Event) {
        match event {
            Event::Progress { progress, .. } => _ = self.0.fetch_max(progress.done, Ordering::Relaxed),
            Event::Resumed { step, .. } => _ = self.0.fetch_max(*step, Ordering::Relaxed),
            // The next stage counts from the beginning.
            Event::Finished { .. } => self.0.store(0, Ordering::Relaxed),
            _ => {}
        }
    }
}

impl Task {
    /// Decides whether the task starts again.
    pub(super) fn stop(&self, progress: LifeProgress) -> Stop {
        if self.directory.is_canceled() {
            return Stop::Leave("the run was canceled".to_owned());
        }
        if self.identity.job.is_empty() {
            return Stop::Leave("it is not a task of a job".to_owned());
        }
        let limit = self.executor.settings().restarts;
        if self.identity.restart >= limit {
            let place = self.submission.cluster.place(&format!("executor.{}", self.submission.executor), "restarts");
            let what = format!("stopped again after {}, the maximum", human::count(limit as usize, "restart"));
            return Stop::Fail(format!(
                "{what}\n  help: raise {place} and submit again: it continues from its checkpoint"
            ));
        }
        let lives = lives(&self.directory, self.number);
        if is_stuck(lives.iter().filter(|life| life.array == self.array), progress) {
            let kind = self.stages().next().map(|stage| stage.kind.clone()).unwrap_or_default();
            let place = self.submission.cluster.resource_place(&self.submission.executor, &kind, "time");
            let what = format!("made no progress in {MAX_LIVES_WITHOUT_PROGRESS} starts");
            return Stop::Fail(format!(
                "{what}\n  help: raise {place}, or checkpoint more often with --checkpoint-every"
            ));
        }
        Stop::Requeue
    }

    /// Asks to start again, after the end has been recorded.
    ///
    /// This is the one place that asks for a requeue.
    pub(super) fn requeue(&self, end: End) -> Result<Finish> {
        match self.executor.requeue(&self.identity) {
            Ok(()) => Ok(Finish::Again),
            Err(error) => {
                let end = End { state: EndState::Interrupted, reason: Some(error.to_string()), ..end };
                write_end(&self.life, &end)?;
                Err(error)
            }
        }
    }
}

/// Whether the last lives, with the one that ends now, ended without getting further.
fn is_stuck<'a>(lives: impl Iterator<Item = &'a Life>, progress: LifeProgress) -> bool {
    let ends: Vec<&End> = lives.filter_map(|life| life.end.as_ref()).collect();
    let before = MAX_LIVES_WITHOUT_PROGRESS - 1;
    let is_same = |end: &&&End| end.state == EndState::Requeued && end.progress >= progress;
    ends.len() >= before && ends.iter().rev().take(before).filter(is_same).count() == before
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(restart: u32, step: Option<u64>) -> Life {
        let end = |step| End {
            time: String::new(),
            state: EndState::Requeued,
            failures: Vec::new(),
            reason: None,
            progress: LifeProgress { stages: 0, step },
        };
        Life { array: 1, restart, start: None, end: step.map(end) }
    }

    #[test]
    fn a_task_that_gets_no_further_is_stuck() {
        let stuck = |steps: &[Option<u64>], now: u64| {
            let lives: Vec<Life> = (0..).zip(steps).map(|(restart, step)| life(restart, *step)).collect();
            is_stuck(lives.iter(), LifeProgress { stages: 0, step: now })
        };
        assert!(stuck(&[Some(5), Some(5)], 5));
        assert!(stuck(&[Some(0), Some(0)], 0));
        assert!(!stuck(&[Some(5), Some(6)], 7));
        assert!(!stuck(&[Some(5), Some(5)], 6));
        assert!(!stuck(&[Some(5)], 5), "twice may be bad luck");
        assert!(!stuck(&[None, None], 0), "lives that were killed say nothing");
    }
}
