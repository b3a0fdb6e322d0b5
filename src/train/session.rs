//! A training by epochs, as far as it has come.

use crate::base::{Error, Result};
use crate::model::Network;
use crate::nn::{NamedArray, Traced};
use crate::train::Uploaded;
use crate::train::trainer::TracedLoss;
use crate::train::{Checkpoint, Compute, EpochMeans, EpochRecord, Recipe, StepReport, Trainer};
use std::borrow::Cow;

/// A training by epochs: the trainer, what the epochs measured, and the best weights where they are chosen by epoch.
///
/// It can be saved between any two steps, and also when the last step of an epoch is taken and the epoch is not
/// finished yet, because something is measured on other pictures first.
pub struct Session<D: Compute> {
    trainer: Trainer<D>,
    epochs: usize,
    steps_per_epoch: usize,
    means: EpochMeans,
    records: Vec<EpochRecord>,
    best: Option<Vec<NamedArray>>,
}

impl<D: Compute> Session<D> {
    /// A training before its first step; over at once if an epoch has no steps.
    pub fn new(network: Network<D>, recipe: &Recipe<'_>) -> Self {
        Self {
            trainer: Trainer::new(network, recipe),
            epochs: if recipe.steps_per_epoch == 0 { 0 } else { recipe.epochs },
            steps_per_epoch: recipe.steps_per_epoch,
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
        loss: impl FnOnce(Traced<D>, &[usize]) -> Result<TracedLoss<D>>,
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

    /// Steps of the whole training.
    pub fn total_steps(&self) -> u64 {
        (self.epochs * self.steps_per_epoch) as u64
    }

    /// Epochs of the whole training.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// The epoch that is not finished, from 1.
    pub fn epoch(&self) -> usize {
        self.records.len() + 1
    }

    /// Whether there are epochs that are not finished.
    pub fn has_epochs_left(&self) -> bool {
        self.records.len() < self.epochs
    }

    /// Whether the epoch has steps that are not taken.
    pub fn has_steps_left(&self) -> bool {
        self.means.steps() < self.steps_per_epoch
    }

    /// What the steps of the epoch measured.
    pub fn record(&self) -> EpochRecord {
        self.means.record(self.epoch())
    }

    /// Finishes the epoch.
    pub fn finish_epoch(&mut self, record: EpochRecord) {
        self.records.push(record);
        self.means = EpochMeans::default();
    }

    /// Finished epochs.
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
            Some(weights) => self.trainer.network_mut().load_state(weights),
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

    /// Whether steps and epochs of a checkpoint agree with each other and with this training, and the best weights with
    /// the others; what is left is for the trainer to check.
    fn fits(&self, checkpoint: &Checkpoint<'_>) -> bool {
        let (finished, steps) = (checkpoint.records.len(), checkpoint.means.steps());
        let same = |(a, b): (&NamedArray, &NamedArray)| a.name == b.name && a.shape == b.shape;
        let best_fits = |best: &[NamedArray]| {
            best.len() == checkpoint.network.len() && best.iter().zip(checkpoint.network.iter()).all(same)
        };
        finished <= self.epochs
            && steps <= self.steps_per_epoch
            && checkpoint.step == (finished * self.steps_per_epoch + steps) as u64
            && checkpoint.best.as_deref().is_none_or(best_fits)
    }
}
