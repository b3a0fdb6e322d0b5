//! The training curve of pretraining in the report.

use crate::base::Result;
use crate::loss::{ContrastiveLoss, LossConfig, chance_accuracy};
use crate::optim::Schedule;
use crate::render::data::{CurveKind, CurveRow, Report, TrainingCurve};
use crate::stages::pretrain::Pretrained;
use crate::stages::shared::results;
use crate::study::{DataFacts, ReportPart, Shown};
use serde_json::{Value, json};

/// Maximum number of learning rates, besides that of the last step.
const MAX_RATES: usize = 400;
/// Maximum relative difference between a learning rate of the history and that of the schedule.
const TOLERANCE: f64 = 1e-6;

/// The training curve in the report.
#[derive(Debug)]
pub(super) struct CurvePart {
    name: String,
    loss: LossConfig,
    batch_size: usize,
    epochs: usize,
    steps_per_epoch: usize,
    schedule: Schedule,
}

impl CurvePart {
    pub(super) fn new(pretrained: &Pretrained, facts: &DataFacts) -> Self {
        let config = &pretrained.config;
        let steps_per_epoch = facts.pretraining() / config.batch_size.max(1);
        let peak = config.scaled_optimizer().learning_rate();
        Self {
            name: pretrained.name.clone(),
            loss: config.loss.clone(),
            batch_size: config.batch_size,
            epochs: config.epochs,
            steps_per_epoch,
            schedule: Schedule::new(&config.schedule, peak, steps_per_epoch as u64, config.epochs as u64),
        }
    }

    /// Returns whether the run had the learning rates of its schedule at the steps that the data set promises.
    fn is_recorded(&self, rows: &[CurveRow]) -> bool {
        rows.iter().all(|row| {
            let steps = (row.epoch * self.steps_per_epoch as f64).round() as u64;
            let rate = self.schedule.learning_rate(steps.saturating_sub(1));
            (rate - row.learning_rate).abs() <= TOLERANCE * row.learning_rate.abs()
        })
    }

    /// The same, if the learning rate varies, so that it proves the number of steps.
    fn is_scheduled(&self, rows: &[CurveRow]) -> bool {
        let is_constant = rows.windows(2).all(|pair| pair[0].learning_rate == pair[1].learning_rate);
        !is_constant && self.is_recorded(rows)
    }

    /// Returns the learning rate at up to [`MAX_RATES`] steps and at the last one, by the fraction of an epoch before them.
    fn learning_rates(&self) -> Vec<(f64, f64)> {
        let total = self.steps_per_epoch * self.epochs;
        let every = total.div_ceil(MAX_RATES).max(1);
        let steps = (0..total).filter(|step| step % every == 0 || step + 1 == total);
        let epoch = |step: usize| step as f64 / self.steps_per_epoch as f64;
        steps.map(|step| (epoch(step), self.schedule.learning_rate(step as u64))).collect()
    }
}

impl ReportPart for CurvePart {
    fn describe(&self) -> Value {
        json!({ "pretrain": self.name, "batch_size": self.batch_size, "steps_per_epoch": self.steps_per_epoch })
    }

    fn collect(&self, shown: &Shown<'_>, report: &mut Report) -> Result<()> {
        let chance = self.loss.chance(self.batch_size);
        let rows = results::curve(shown.artifact("pretrain")?)?;
        let learning_rates = if self.is_recorded(&rows) { self.learning_rates() } else { Vec::new() };
        report.curves.push(TrainingCurve {
            kind: CurveKind::Pretrain,
            stage: format!("pretrain.{}", self.name),
            variant: shown.variant.label.clone(),
            loss: self.loss.title().to_owned(),
            chance: chance.map(|chance| chance.loss),
            chance_formula: chance.map(|chance| chance.formula.to_owned()),
            chance_accuracy: Some(chance_accuracy(self.batch_size)),
            steps_per_epoch: self.is_scheduled(&rows).then_some(self.steps_per_epoch),
            learning_rates,
            rows,
            ..TrainingCurve::default()
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optim::ScheduleConfig;

    fn part(schedule: &str) -> CurvePart {
        let config: ScheduleConfig = toml::from_str(schedule).unwrap();
        CurvePart {
            name: "main".to_owned(),
            loss: LossConfig::default(),
            batch_size: 4,
            epochs: 4,
            steps_per_epoch: 10,
            schedule: Schedule::new(&config, 0.5, 10, 4),
        }
    }

    /// Returns the rows of a run with this many steps per epoch.
    fn rows(part: &CurvePart, steps: u64) -> Vec<CurveRow> {
        let row = |epoch: u64| CurveRow {
            epoch: epoch as f64,
            learning_rate: part.schedule.learning_rate(epoch * steps - 1),
            ..CurveRow::default()
        };
        (1..=4).map(row).collect()
    }

    #[test]
    fn the_learning_rate_warms_up_within_the_first_epochs() {
        let part = part("cosine = { warmup_epochs = 2 }");
        let rates = part.learning_rates();
        assert_eq!((rates[0], rates[5], rates[20]), ((0.0, 0.0), (0.5, 0.125), (2.0, 0.5)));
        assert_eq!((rates.len(), rates[39].0), (40, 3.9));
        assert!(part.is_recorded(&rows(&part, 10)) && part.is_scheduled(&rows(&part, 10)));
        assert!(!part.is_recorded(&rows(&part, 9)), "a run with other steps");
        let long = CurvePart { steps_per_epoch: 100_000, ..part };
        assert!(long.learning_rates().len() <= MAX_RATES + 1);
    }

    #[test]
    fn a_constant_learning_rate_proves_no_number_of_steps() {
        let part = part("constant = {}");
        assert!(part.is_recorded(&rows(&part, 9)) && !part.is_scheduled(&rows(&part, 9)));
    }
}
