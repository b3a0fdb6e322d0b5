//! When the step of a rank takes so long that another rank must have died or hangs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A step may take this many times the median.
const PATIENCE: u32 = 20;
/// Recent steps of which the median is taken.
const RECENT: usize = 64;

/// The current step of a rank and the durations of those before it.
#[derive(Debug, Default)]
pub struct Heartbeat {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The current step and its start.
    current: Option<(u64, Instant)>,
    recent: Vec<Duration>,
}

impl Heartbeat {
    /// Begins a step.
    pub fn begin(&self, step: u64) {
        self.state().current = Some((step, Instant::now()));
    }

    /// Ends the current step.
    pub fn end(&self) {
        let mut state = self.state();
        let Some((step, start)) = state.current.take() else { return };
        // The first steps allocate memory and measure algorithms.
        if state.recent.len() == RECENT {
            let oldest = step as usize % RECENT;
            state.recent[oldest] = start.elapsed();
        } else {
            state.recent.push(start.elapsed());
        }
    }

    /// Forgets the steps, at the start or end of a training run.
    pub fn reset(&self) {
        *self.state() = State::default();
    }

    /// Returns the current step and how long it has taken, if that is longer than `minimum` and 20 times the median.
    pub fn overdue(&self, minimum: Duration) -> Option<(u64, Duration)> {
        let state = self.state();
        let (step, start) = state.current?;
        let mut recent = state.recent.clone();
        recent.sort_unstable();
        let median = recent.get(recent.len() / 2).copied().unwrap_or_default();
        let elapsed = start.elapsed();
        (elapsed > minimum.max(PATIENCE * median)).then_some((step, elapsed))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_overdue_after_the_minimum_and_20_medians() {
        let heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.overdue(Duration::ZERO), None, "no step has begun");
        heartbeat.begin(1);
        std::thread::sleep(Duration::from_millis(20));
        assert!(heartbeat.overdue(Duration::from_millis(5)).is_some_and(|(step, _)| step == 1));
        assert_eq!(heartbeat.overdue(Duration::from_secs(60)), None);
        heartbeat.end();
        assert_eq!(heartbeat.overdue(Duration::ZERO), None);
        heartbeat.begin(2);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(heartbeat.overdue(Duration::from_millis(5)), None, "the median is 20 ms");
        heartbeat.reset();
        assert_eq!(heartbeat.overdue(Duration::ZERO), None);
    }
}
