//! Learning-rate schedules: the learning rate as a function of the step.

use crate::base::kinds::{declare_enum, declare_modules, match_member};
use crate::optim::SettingProblem;

/// Every schedule, one per line: its file, which is also its key in a pipeline file, its variant of [`ScheduleConfig`]
/// and its configuration, which implements [`Decay`].
macro_rules! schedules {
    ($then:ident $($arguments:tt)*) => {
        $then! {
            [
                constant: Constant(ConstantConfig),
                cosine: Cosine(CosineConfig),
                step: Step(StepConfig),
            ]
            $($arguments)*
        }
    };
}

schedules!(declare_modules);

schedules! { declare_enum
    /// The learning rate over the course of training, relative to the peak of the optimizer; updated every step.
    pub enum ScheduleConfig;
}

/// A schedule: the learning rate after the warm-up. Its configuration implements this, in the file of the schedule;
/// the file and a line in the list above are all that it needs.
pub(crate) trait Decay {
    /// Returns the length of the linear warm-up from 0, in epochs.
    fn warmup_epochs(&self) -> f64;

    /// Returns the learning rate at a step after the warm-up, as a factor on the peak.
    fn factor(&self, at: &Position) -> f64;

    /// Returns settings that do not go together. Ranges of single values are in the schema instead.
    fn problems(&self) -> Vec<SettingProblem> {
        Vec::new()
    }
}

/// A step of a run. Epochs are converted to steps and rounded.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    /// The step, the first being 0.
    pub step: u64,
    /// Steps of the warm-up; at most `step`.
    pub warmup: u64,
    /// Steps of the run.
    pub total: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
}

impl Position {
    /// Converts epochs to steps.
    pub(crate) fn steps(&self, epochs: f64) -> u64 {
        steps(epochs, self.steps_per_epoch)
    }
}

fn steps(epochs: f64, steps_per_epoch: u64) -> u64 {
    // The cast saturates: a warm-up longer than any run never ends.
    (epochs * steps_per_epoch as f64).round() as u64
}

impl ScheduleConfig {
    fn decay(&self) -> &dyn Decay {
        schedules!(match_member ScheduleConfig, self, config => config)
    }

    /// Returns the length of the warm-up in epochs.
    pub fn warmup_epochs(&self) -> f64 {
        self.decay().warmup_epochs()
    }

    /// Returns settings that do not go together in a run of `epochs` epochs, 0 if that is not known: a warm-up longer
    /// than the run, and those of the schedule itself.
    pub fn problems(&self, epochs: usize) -> Vec<SettingProblem> {
        let mut problems = self.decay().problems();
        let warmup = self.warmup_epochs();
        // A run of 0 epochs has no steps, so no schedule either.
        if epochs > 0 && warmup > epochs as f64 {
            problems.push(SettingProblem {
                keys: vec!["warmup_epochs".to_owned()],
                message: format!("`warmup_epochs` must be at most `epochs` ({epochs}), got {warmup}"),
                help: Some("the learning rate would never reach its peak".to_owned()),
            });
        }
        problems
    }
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self::Cosine(CosineConfig::default())
    }
}

/// The learning rate at each step of a run, the first step being 0.
///
/// The warm-up is that of `learning_rate_schedule` in google-research/simclr: `peak * step / warm-up steps`, so the
/// first step has rate 0.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    peak: f64,
    warmup: u64,
    total: u64,
    steps_per_epoch: u64,
}

impl Schedule {
    /// Creates the schedule of a run of `epochs` epochs with the optimizer's peak learning rate.
    pub fn new(config: &ScheduleConfig, peak: f64, steps_per_epoch: u64, epochs: u64) -> Self {
        Self::of_steps(config, peak, steps_per_epoch, steps_per_epoch.saturating_mul(epochs))
    }

    /// Creates the schedule of a run of `total` steps, whose last epoch may be incomplete.
    pub fn of_steps(config: &ScheduleConfig, peak: f64, steps_per_epoch: u64, total: u64) -> Self {
        let warmup = steps(config.warmup_epochs(), steps_per_epoch);
        Self { config: config.clone(), peak, warmup, total, steps_per_epoch }
    }

    /// Returns the learning rate at step `step`.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let Self { peak, warmup, total, steps_per_epoch, .. } = *self;
        if step < warmup {
            return peak * step as f64 / warmup as f64;
        }
        peak * self.config.decay().factor(&Position { step, warmup, total, steps_per_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::kinds::declare_examples;

    schedules! { declare_examples ScheduleConfig }

    #[test]
    fn every_schedule_is_named_by_its_key_warms_up_from_0_to_the_peak_and_never_exceeds_it() {
        for config in ScheduleConfig::examples() {
            let written = serde_json::to_value(&config).unwrap();
            assert!(written.get(config.key()).is_some(), "{written}");
            let schedule = Schedule::new(&config, 0.5, 10, 8);
            assert_eq!(config.warmup_epochs(), 2.0);
            assert_eq!([0, 5, 10, 20].map(|step| schedule.learning_rate(step)), [0.0, 0.125, 0.25, 0.5]);
            assert!((0..80).all(|step| (0.0..=0.5).contains(&schedule.learning_rate(step))), "{config:?}");
        }
    }

    #[test]
    fn a_warm_up_longer_than_the_run_is_a_problem() {
        for config in ScheduleConfig::examples() {
            assert!(config.problems(8).is_empty() && config.problems(0).is_empty(), "{config:?}");
            assert_eq!(config.problems(1)[0].keys, ["warmup_epochs"]);
        }
    }
}
