//! Checks of settings that stages share: augmentation policy, optimizer, schedule, depths, labeled fractions.

use super::{Checker, TableRef};
use crate::augment::PolicyConfig;
use crate::config::node::PathStep;
use crate::config::raw::RawPretrain;
use crate::optim::config::StepConfig;
use crate::optim::{OptimizerConfig, ScheduleConfig};

impl Checker<'_> {
    pub(super) fn policy(&mut self, table: TableRef<'_>, policy: &PolicyConfig) {
        for (index, message) in policy.problems() {
            let mut path = table.element("ops", index);
            path.extend(policy.ops.get(index).map(|operator| operator.name().into()));
            // Report excessive hue at its key, or at the strength that scales it.
            let keys = ["hue", "strength"].map(|key| [&path[..], &[PathStep::from(key)]].concat());
            let is_hue = message.starts_with("hue");
            let span = keys.into_iter().find(|key| is_hue && self.is_written(key)).unwrap_or(path);
            self.report(&span, message, None);
        }
    }

    pub(super) fn optimizer(&mut self, stage: TableRef<'_>, optimizer: &OptimizerConfig) {
        if let OptimizerConfig::Sgd(sgd) = optimizer
            && sgd.nesterov
            && sgd.momentum == 0.0
        {
            let help = "set `momentum`, for example to 0.9, or remove `nesterov`".to_owned();
            self.report(&stage.at(&["optimizer", "sgd", "nesterov"]), "`nesterov` needs `momentum` above 0", help);
        }
    }

    pub(super) fn schedule(&mut self, stage: TableRef<'_>, schedule: &ScheduleConfig, epochs: usize) {
        let (kind, warmup) = match schedule {
            ScheduleConfig::Constant(constant) => ("constant", constant.warmup_epochs),
            ScheduleConfig::Cosine(cosine) => ("cosine", cosine.warmup_epochs),
            ScheduleConfig::Step(step) => ("step", step.warmup_epochs),
        };
        // A run of 0 epochs has no steps, so it has no schedule.
        if epochs > 0 && warmup > epochs as f64 {
            let message = format!("`warmup_epochs` must be at most `epochs` ({epochs}), got {warmup}");
            let help = "the learning rate would never reach its peak".to_owned();
            self.report(&stage.at(&["schedule", kind, "warmup_epochs"]), message, help);
        }
        match schedule {
            ScheduleConfig::Cosine(cosine) if cosine.steps == Some(0) => {
                self.report(&stage.at(&["schedule", "cosine", "steps"]), "`steps` must be at least 1, got 0", None);
            }
            ScheduleConfig::Step(step) => self.milestones(stage, step),
            _ => {}
        }
    }

    fn milestones(&mut self, stage: TableRef<'_>, step: &StepConfig) {
        let mut before = 0.0;
        for (index, &milestone) in step.milestones.iter().enumerate() {
            if milestone <= before {
                let mut path = stage.at(&["schedule", "step", "milestones"]);
                path.push(index.into());
                let message = format!("`milestones` must be above 0 and increase, got {milestone} after {before}");
                self.report(&path, message, None);
            }
            before = milestone;
        }
    }

    /// Checks that depths are listed, without duplicates, and that the projection head has them.
    pub(super) fn depths(&mut self, stage: TableRef<'_>, depths: &[usize], from: &str, pretrain: Option<&RawPretrain>) {
        if depths.is_empty() {
            let help = "list at least one: 0 is the encoder output".to_owned();
            self.report(&stage.at(&["depths"]), "the list of depths is empty", help);
        }
        for (index, depth) in depths.iter().enumerate() {
            if depths[..index].contains(depth) {
                self.report(&stage.element("depths", index), format!("depth {depth} is listed twice"), None);
            }
            let Some(pretrain) = pretrain else { continue };
            let layers = pretrain.projection.layers.len();
            if *depth > layers {
                let message = format!("`[pretrain.{from}]` has no depth {depth}");
                self.report(&stage.element("depths", index), message, depths_help(layers));
            }
        }
    }

    pub(super) fn fractions(&mut self, stage: TableRef<'_>, fractions: &[f64]) {
        for (index, fraction) in fractions.iter().enumerate() {
            if fractions[..index].contains(fraction) {
                let message = format!("the fraction {fraction} is listed twice");
                self.report(&stage.element("labeled_fraction", index), message, None);
            }
        }
    }
}

fn depths_help(layers: usize) -> String {
    match layers {
        0 => "its projection head has no layers: only depth 0, the encoder output, exists".to_owned(),
        1 => "its projection head has 1 layer: depths 0 and 1 exist".to_owned(),
        layers => format!("its projection head has {layers} layers: depths 0 to {layers} exist"),
    }
}
