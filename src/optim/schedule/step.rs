//! Step decay, as PyTorch's `MultiStepLR`.

use crate::optim::SettingProblem;
use crate::optim::schedule::{Decay, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Step decay, as PyTorch's `MultiStepLR`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// Length of the linear warm-up from 0, in epochs.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub warmup_epochs: f64,
    /// Epochs at which the learning rate is multiplied by `factor`.
    pub milestones: Vec<f64>,
    /// Factor on the learning rate at each milestone.
    #[serde(default = "StepConfig::default_factor")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub factor: f64,
}

impl StepConfig {
    pub(super) const SUMMARY: &str = "Step decay: multiplied by `factor` at each of `milestones`, after the warm-up.";

    fn default_factor() -> f64 {
        0.1
    }

    #[cfg(test)]
    pub(super) fn examples() -> [Self; 1] {
        [Self { warmup_epochs: 2.0, milestones: vec![3.0, 6.0], factor: Self::default_factor() }]
    }
}

impl Decay for StepConfig {
    fn warmup_epochs(&self) -> f64 {
        self.warmup_epochs
    }

    fn factor(&self, at: &Position) -> f64 {
        let passed = self.milestones.iter().filter(|&&epoch| at.steps(epoch) <= at.step).count();
        self.factor.powf(passed as f64)
    }

    /// Milestones that do not increase.
    fn problems(&self) -> Vec<SettingProblem> {
        let before = [0.0].into_iter().chain(self.milestones.iter().copied());
        let out_of_order = self.milestones.iter().zip(before).enumerate().filter(|(_, (now, before))| *now <= before);
        let problem = |(index, (now, before)): (usize, (&f64, f64))| SettingProblem {
            keys: vec!["milestones".to_owned(), index.to_string()],
            message: format!("`milestones` must be above 0 and increase, got {now} after {before}"),
            help: None,
        };
        out_of_order.map(problem).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milestones_that_do_not_increase_are_problems() {
        let step = |milestones: &[f64]| StepConfig { warmup_epochs: 0.0, milestones: milestones.to_vec(), factor: 0.1 };
        assert!(step(&[1.0, 2.5]).problems().is_empty());
        let problems = step(&[0.0, 15.0, 10.0]).problems();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.keys[1].as_str()).collect();
        assert_eq!(keys, ["0", "2"]);
        assert_eq!(problems[1].message, "`milestones` must be above 0 and increase, got 10 after 15");
    }
}
