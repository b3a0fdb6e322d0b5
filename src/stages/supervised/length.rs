//! Length of a supervised training run, from its budget and the number of labeled images.

use serde::Serialize;

/// Training budget of a supervised network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Passes over the labeled images.
    Epochs(usize),
    /// Training steps.
    Steps(usize),
}

/// Minimum number of steps per row of history if the budget is in steps.
const MIN_STEPS_PER_ROW: usize = 50;

/// The length of a supervised training run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Length {
    /// Steps of the whole run.
    pub(super) steps: usize,
    /// Steps per epoch; the last one may have a smaller batch.
    pub(super) steps_per_epoch: usize,
    /// Epochs per row of history; the selection images are evaluated after each row.
    pub(super) epochs_per_row: usize,
    /// Labeled images.
    labeled: usize,
}

impl Length {
    /// Computes the length. With a budget in steps, short epochs share a row of history until it has
    /// [`MIN_STEPS_PER_ROW`].
    pub(super) fn new(budget: Budget, labeled: usize, batch_size: usize) -> Self {
        let steps_per_epoch = labeled.div_ceil(batch_size.max(1));
        let (steps, epochs_per_row) = match budget {
            Budget::Epochs(epochs) => (epochs.saturating_mul(steps_per_epoch), 1),
            Budget::Steps(steps) => (steps, MIN_STEPS_PER_ROW.div_ceil(steps_per_epoch.max(1))),
        };
        Self { steps, steps_per_epoch, epochs_per_row, labeled }
    }

    /// Returns the number of epochs; the last one may be incomplete.
    pub(super) fn epochs(self) -> usize {
        self.steps.div_ceil(self.steps_per_epoch.max(1))
    }

    /// Returns the number of images of all batches, counting repetitions.
    pub(super) fn images(self) -> f64 {
        self.steps as f64 * self.labeled as f64 / self.steps_per_epoch.max(1) as f64
    }

    /// Returns the number of rows of history.
    pub(super) fn rows(self) -> usize {
        self.epochs().div_ceil(self.epochs_per_row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_epochs_share_a_row_if_the_budget_is_in_steps() {
        let few = Length::new(Budget::Steps(2000), 115, 64);
        assert_eq!((few.steps_per_epoch, few.epochs_per_row, few.epochs(), few.rows()), (2, 25, 1000, 40));
        assert_eq!(few.images(), 115_000.0);
        let many = Length::new(Budget::Steps(2000), 9000, 64);
        assert_eq!((many.steps_per_epoch, many.epochs_per_row, many.epochs(), many.rows()), (141, 1, 15, 15));
    }

    #[test]
    fn epochs_are_rows_if_the_budget_is_in_epochs() {
        let length = Length::new(Budget::Epochs(60), 115, 64);
        assert_eq!((length.steps, length.epochs_per_row, length.epochs(), length.rows()), (120, 1, 60, 60));
    }
}
