//! The learning rate as a function of the step.

use crate::optim::ScheduleConfig;
use std::f64::consts::PI;

/// The learning rate at each step of a run, the first step being 0.
///
/// The warm-up is that of `learning_rate_schedule` in google-research/simclr: `peak * step / warm-up steps`, so the
/// first step has rate 0. Warm-up and milestones are converted from epochs to steps and rounded.
#[derive(Clone, Debug)]
pub struct Schedule {
    peak: f64,
    warmup: u64,
    kind: ScheduleKind,
}

#[derive(Clone, Debug)]
enum ScheduleKind {
    Constant,
    /// Cosine decay that starts after the warm-up and is 0 from step `end`.
    Cosine {
        end: u64,
    },
    Step {
        milestones: Vec<u64>,
        factor: f64,
    },
}

impl Schedule {
    /// Creates the schedule of a run of `epochs` epochs with the optimizer's peak learning rate.
    pub fn new(config: &ScheduleConfig, peak: f64, steps_per_epoch: u64, epochs: u64) -> Self {
        Self::of_steps(config, peak, steps_per_epoch, steps_per_epoch.saturating_mul(epochs))
    }

    /// Creates the schedule of a run of `total` steps, whose last epoch may be incomplete.
    pub fn of_steps(config: &ScheduleConfig, peak: f64, steps_per_epoch: u64, total: u64) -> Self {
        // The cast saturates: a warm-up longer than any run never ends.
        let steps = |epochs: f64| (epochs * steps_per_epoch as f64).round() as u64;
        let (warmup_epochs, kind) = match config {
            ScheduleConfig::Constant(config) => (config.warmup_epochs, ScheduleKind::Constant),
            ScheduleConfig::Cosine(config) => {
                let end = config.steps.unwrap_or(total);
                (config.warmup_epochs, ScheduleKind::Cosine { end })
            }
            ScheduleConfig::Step(config) => {
                let milestones = config.milestones.iter().map(|&epoch| steps(epoch)).collect();
                (config.warmup_epochs, ScheduleKind::Step { milestones, factor: config.factor })
            }
        };
        Self { peak, warmup: steps(warmup_epochs), kind }
    }

    /// Returns the learning rate at step `step`.
    pub fn learning_rate(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        match &self.kind {
            ScheduleKind::Constant => self.peak,
            ScheduleKind::Cosine { end } => self.peak * cosine(step - self.warmup, end.saturating_sub(self.warmup)),
            ScheduleKind::Step { milestones, factor } => {
                let passed = milestones.iter().filter(|&&milestone| milestone <= step).count();
                self.peak * factor.powf(passed as f64)
            }
        }
    }
}

/// Returns the cosine decay: 1 at step 0, 0 from step `length`.
fn cosine(step: u64, length: u64) -> f64 {
    if step >= length {
        return 0.0;
    }
    0.5 * (1.0 + (PI * step as f64 / length as f64).cos())
}
