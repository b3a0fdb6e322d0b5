//! How long exchanges take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The sum of the durations of some calls.
#[derive(Debug, Default)]
pub(super) struct CallClock {
    nanoseconds: AtomicU64,
}

impl CallClock {
    /// Makes a call and adds its duration.
    pub(super) fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        let nanoseconds = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }

    /// Returns the sum in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9
    }
}
