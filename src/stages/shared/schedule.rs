//! Checks of optimizers and learning-rate schedules, which several kinds have.

use crate::optim::config::StepConfig;
use crate::optim::{OptimizerConfig, ScheduleConfig};
use crate::study::Check;

/// Reports Nesterov momentum without momentum.
pub(in crate::stages) fn check_optimizer(optimizer: &OptimizerConfig, check: &mut Check<'_>) {
    if let OptimizerConfig::Sgd(sgd) = optimizer
        && sgd.nesterov
        && sgd.momentum == 0.0
    {
        let help = "set `momentum`, for example to 0.9, or remove `nesterov`".to_owned();
        check.report(&["optimizer", "sgd", "nesterov"], "`nesterov` needs `momentum` above 0", help);
    }
}

/// Reports a warm-up longer than the run, and milestones that do not increase. `epochs` is 0 where it is not known.
pub(in crate::stages) fn check_schedule(schedule: &ScheduleConfig, epochs: usize, check: &mut Check<'_>) {
    let (kind, warmup) = match schedule {
        ScheduleConfig::Constant(constant) => ("constant", constant.warmup_epochs),
        ScheduleConfig::Cosine(cosine) => ("cosine", cosine.warmup_epochs),
        ScheduleConfig::Step(step) => ("step", step.warmup_epochs),
    };
    // A run of 0 epochs has no steps, so no schedule either.
    if epochs > 0 && warmup > epochs as f64 {
        let message = format!("`warmup_epochs` must be at most `epochs` ({epochs}), got {warmup}");
        let help = "the learning rate would never reach its peak".to_owned();
        check.report(&["schedule", kind, "warmup_epochs"], message, help);
    }
    match schedule {
        ScheduleConfig::Cosine(cosine) if cosine.steps == Some(0) => {
            check.report(&["schedule", "cosine", "steps"], "`steps` must be at least 1, got 0", None);
        }
        ScheduleConfig::Step(step) => check_milestones(step, check),
        _ => {}
    }
}

fn check_milestones(step: &StepConfig, check: &mut Check<'_>) {
    let mut before = 0.0;
    for (index, &milestone) in step.milestones.iter().enumerate() {
        if milestone <= before {
            let keys = ["schedule", "step", "milestones", &index.to_string()];
            check.report(
                &keys,
                format!("`milestones` must be above 0 and increase, got {milestone} after {before}"),
                None,
            );
        }
        before = milestone;
    }
}
