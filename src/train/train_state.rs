//! A training by epochs, as far as it has come.

use crate::base::{Error, Result};
use crate::model::Network;
use crate::nn::{NamedTensor, Taped};
use crate::train::Uploaded;
use crate::train::trainer::TapedLoss;
use crate::train::{Checkpoint, Compute, EpochMeans, EpochRecord, StepReport, TrainConfig, Trainer};
use std::borrow::Cow;

/// A training run by epochs: the trainer, what the epochs measured, and the best weights where they are chosen.
///
/// A row of its history is an epoch, or several short ones together; the last row may be cut short. The run can be saved
/// between any two steps, and also when the last step of a row is taken and the row is not finished yet, because
/// something is measured on other images first.
pub struct TrainState<D: Compute> {
    trainer: Trainer<D>,
    total_steps: usize,
    steps_per_epoch: usize,
    epochs_per_row: usize,
    means: EpochMeans,
    records: Vec<EpochRecord>,
    best: Option<Vec<NamedTensor>>,
}

impl<D: Compute> TrainState<D> {
    /// A training run of whole epochs before its first step; over at once if an epoch has no steps.
    pub fn new(network: Network<D>, recipe: &TrainConfig<'_>) -> Self {
        Self::of_steps(network, recipe, recipe.epochs * recipe.steps_per_epoch, 1)
    }

    /// A training run of `total` steps before its first one, with a row of history for every `epochs_per_row` epochs.
    pub fn of_steps(network: Network<D>, recipe: &TrainConfig<'_>, total: usize, epochs_per_row: usize) -> Self {
        Self {
            trainer: Trainer::of_steps(network, recipe, total),
            total_steps: if recipe.steps_per_epoch == 0 { 0 } else { total },
            steps_per_epoch: recipe.steps_per_epoch,
            epochs_per_row,
            means: EpochMeans::default(),
            records: Vec::new(),
            best: None,
        }
    }

    /// Takes one step on a batch, and does something else while the device works on it.
    ///
    /// # Errors
    /// As for [`Trainer::step_with`].
    pub fn step_with<T>(
        &mut self,
        batch: Uploaded<D>,
        loss: impl FnOnce(Taped<D>, &[usize]) -> Result<TapedLoss<D>>,
        meanwhile: impl FnOnce(&Network<D>) -> Result<T>,
    ) -> Result<(StepReport, T)> {
        let (report, done) = self.trainer.step_with(batch, loss, meanwhile)?;
        self.means.add(&report);
        Ok((report, done))
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    /// Steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.total_steps as u64
    }

    /// Epochs of the whole run; the last one may be cut short.
    pub fn epochs(&self) -> usize {
        self.total_steps.div_ceil(self.steps_per_epoch.max(1))
    }

    /// The epoch of the last step, or where its row is finished the next one, from 1.
    pub fn epoch(&self) -> usize {
        let within = self.means.steps().saturating_sub(1) / self.steps_per_epoch.max(1);
        self.records.len() * self.epochs_per_row + within + 1
    }

    /// Whether there are steps in rows that are not finished, or a row is not finished.
    pub fn has_epochs_left(&self) -> bool {
        self.finished_steps() < self.total_steps
    }

    /// Whether the row has steps that are not taken.
    pub fn has_steps_left(&self) -> bool {
        self.means.steps() < self.steps_of_row(self.records.len())
    }

    /// Steps of all finished rows.
    fn finished_steps(&self) -> usize {
        self.steps_before(self.records.len())
    }

    fn steps_before(&self, row: usize) -> usize {
        let rows = row.saturating_mul(self.epochs_per_row).saturating_mul(self.steps_per_epoch);
        rows.min(self.total_steps)
    }

    fn steps_of_row(&self, row: usize) -> usize {
        self.steps_before(row + 1) - self.steps_before(row)
    }

    /// Finished rows with the steps taken at their end.
    pub fn finished(&self) -> impl Iterator<Item = (&EpochRecord, u64)> {
        self.records.iter().enumerate().map(|(row, record)| (record, self.steps_before(row + 1) as u64))
    }

    /// What the steps of the row measured.
    pub fn record(&self) -> EpochRecord {
        self.means.record(self.epoch())
    }

    /// Finishes the row.
    pub fn finish_epoch(&mut self, record: EpochRecord) {
        self.records.push(record);
        self.means = EpochMeans::default();
    }

    /// Finished rows.
    pub fn records(&self) -> &[EpochRecord] {
        &self.records
    }

    /// The network as it is now.
    pub fn network(&self) -> &Network<D> {
        self.trainer.network()
    }

    /// Keeps the weights as the best.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn keep_best(&mut self) -> Result<()> {
        self.best = Some(self.network().state()?);
        Ok(())
    }

    /// Goes back to the best weights, if any were kept.
    ///
    /// # Errors
    /// The device cannot be written.
    pub fn load_best(&mut self) -> Result<()> {
        match &self.best {
            Some(weights) => self.trainer.network_mut().load_state_dict(weights),
            None => Ok(()),
        }
    }

    /// The training as it is now.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn checkpoint(&self) -> Result<Checkpoint<'_>> {
        Ok(Checkpoint {
            step: self.steps(),
            means: self.means.clone(),
            records: Cow::Borrowed(&self.records),
            network: Cow::Owned(self.network().state()?),
            optimizer: Cow::Owned(self.trainer.optimizer_state()?),
            best: self.best.as_deref().map(Cow::Borrowed),
        })
    }

    /// Goes on from a checkpoint of the same training.
    ///
    /// # Errors
    /// The checkpoint is of another training; nothing is changed then.
    pub fn restore(&mut self, checkpoint: Checkpoint<'static>) -> Result<()> {
        if !self.fits(&checkpoint) {
            return Err(Error::stage("it is of another training"));
        }
        self.trainer.restore(checkpoint.step, checkpoint.optimizer.into_owned(), &checkpoint.network)?;
        self.means = checkpoint.means;
        self.records = checkpoint.records.into_owned();
        self.best = checkpoint.best.map(Cow::into_owned);
        Ok(())
    }

    /// Whether steps and rows of a checkpoint agree with each other and with this training, and the best weights with
    /// the others; what is left is for the trainer to check.
    fn fits(&self, checkpoint: &Checkpoint<'_>) -> bool {
        let (finished, steps) = (checkpoint.records.len(), checkpoint.means.steps());
        let same = |(a, b): (&NamedTensor, &NamedTensor)| a.name == b.name && a.shape == b.shape;
        let best_fits = |best: &[NamedTensor]| {
            best.len() == checkpoint.network.len() && best.iter().zip(checkpoint.network.iter()).all(same)
        };
        let rows = self.total_steps.div_ceil((self.epochs_per_row * self.steps_per_epoch).max(1));
        finished <= rows
            && steps <= self.steps_of_row(finished)
            && checkpoint.step == (self.steps_before(finished) + steps) as u64
            && checkpoint.best.as_deref().is_none_or(best_fits)
    }
}
