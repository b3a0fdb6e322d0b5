//! Checks of optimizers and learning-rate schedules, shared by several kinds.

use crate::optim::{OptimizerConfig, ScheduleConfig, SettingProblem};
use crate::study::Check;

/// Reports settings of the optimizer that cannot be combined.
pub(in crate::stages) fn check_optimizer(optimizer: &OptimizerConfig, check: &mut Check<'_>) {
    report(["optimizer", optimizer.key()], optimizer.rule().problems(), check);
}

/// Reports settings of the schedule that cannot be combined. `epochs` is 0 if unknown.
pub(in crate::stages) fn check_schedule(schedule: &ScheduleConfig, epochs: usize, check: &mut Check<'_>) {
    report(["schedule", schedule.key()], schedule.problems(epochs), check);
}

fn report(table: [&str; 2], problems: Vec<SettingProblem>, check: &mut Check<'_>) {
    for SettingProblem { keys, message, help } in problems {
        let keys: Vec<&str> = table.into_iter().chain(keys.iter().map(String::as_str)).collect();
        check.report(&keys, message, help);
    }
}
