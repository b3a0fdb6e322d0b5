//! Checks of optimizers and learning-rate schedules, which several kinds have.

use crate::optim::{OptimizerConfig, ScheduleConfig, SettingProblem};
use crate::study::Check;

/// Reports settings of the optimizer that do not go together.
pub(in crate::stages) fn check_optimizer(optimizer: &OptimizerConfig, check: &mut Check<'_>) {
    report(["optimizer", optimizer.key()], optimizer.rule().problems(), check);
}

/// Reports settings of the schedule that do not go together. `epochs` is 0 where it is not known.
pub(in crate::stages) fn check_schedule(schedule: &ScheduleConfig, epochs: usize, check: &mut Check<'_>) {
    report(["schedule", schedule.key()], schedule.problems(epochs), check);
}

fn report(table: [&str; 2], problems: Vec<SettingProblem>, check: &mut Check<'_>) {
    for SettingProblem { keys, message, help } in problems {
        let keys: Vec<&str> = table.into_iter().chain(keys.iter().map(String::as_str)).collect();
        check.report(&keys, message, help);
    }
}
