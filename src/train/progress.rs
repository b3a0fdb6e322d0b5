//! Speed of a training for the progress line: views a second and the share of time spent waiting for data.

use std::time::Instant;

/// Counts views since the start.
pub struct Speed {
    start: Instant,
    views: usize,
}

impl Default for Speed {
    fn default() -> Self {
        Self { start: Instant::now(), views: 0 }
    }
}

impl Speed {
    /// Counts the views of a step.
    pub fn add(&mut self, views: usize) {
        self.views += views;
    }

    /// Views a second since the start.
    pub fn views_per_second(&self) -> f64 {
        self.views as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Part of the time since the start that `waited` seconds are.
    pub fn share(&self, waited: f64) -> f64 {
        waited / self.start.elapsed().as_secs_f64().max(1e-9)
    }
}
