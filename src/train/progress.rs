//! Throughput of a training run for the progress line: views/s and the fraction of time spent waiting for data.

use std::time::Instant;

/// Views processed since the start.
pub(crate) struct Throughput {
    start: Instant,
    views: usize,
}

impl Default for Throughput {
    fn default() -> Self {
        Self { start: Instant::now(), views: 0 }
    }
}

impl Throughput {
    /// Adds the views of a step.
    pub(crate) fn add(&mut self, views: usize) {
        self.views += views;
    }

    /// Returns the views/s since the start.
    pub(crate) fn views_per_second(&self) -> f64 {
        self.views as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Returns the seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Returns `waited` seconds as a fraction of the time since the start.
    pub(crate) fn fraction(&self, waited: f64) -> f64 {
        waited / self.start.elapsed().as_secs_f64().max(1e-9)
    }
}
