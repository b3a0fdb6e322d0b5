//! The state of a training run.

use crate::base::{Error, Result};
use crate::model::Network;
use crate::nn::NamedTensor;
use crate::optim::{Optimizer, OptimizerConfig, Schedule, ScheduleConfig};
use crate::train::{Checkpoint, Compute, EpochMeans, EpochRecord, ShardConfig};
use std::borrow::Cow;

/// Hyperparameters and length of a training run.
#[derive(Clone, Copy, Debug)]
pub struct TrainConfig<'a> {
    /// Optimizer.
    pub optimizer: &'a OptimizerConfig,
    /// Learning-rate schedule.
    pub schedule: &'a ScheduleConfig,
    /// Maximum L2 norm of all gradients together.
    pub gradient_clip: Option<f64>,
    /// Maximum number of epochs.
    pub epochs: usize,
    /// Steps per epoch.
    pub steps_per_epoch: usize,
}

/// A training run: a network with its optimizer and learning-rate schedule, its history, and the best weights so far
/// where early stopping keeps them. `train_step` has its step.
///
/// A row of the history is an epoch, or several short ones together; the last row may be shorter. The run can be saved
/// after any step, also after the last step of a row while the row is not finished, because its evaluation on other
/// images comes first.
pub struct TrainState<D: Compute> {
    pub(super) network: Network<D>,
    pub(super) optimizer: Optimizer<D>,
    pub(super) schedule: Schedule,
    pub(super) gradient_clip: Option<f64>,
    /// Steps taken.
    pub(super) step: u64,
    /// Sums over the steps of the current row.
    pub(super) means: EpochMeans,
    total_steps: usize,
    steps_per_epoch: usize,
    epochs_per_row: usize,
    records: Vec<EpochRecord>,
    best: Option<Vec<NamedTensor>>,
    /// How batches are cut, if they are.
    pub(super) shards: Option<ShardConfig>,
}

impl<D: Compute> TrainState<D> {
    /// Creates a training run of whole epochs; it is over at once if an epoch has no steps.
    pub fn new(network: Network<D>, config: &TrainConfig<'_>) -> Self {
        Self::of_steps(network, config, config.epochs * config.steps_per_epoch, 1)
    }

    /// Creates a training run of `total` steps with a row of history per `epochs_per_row` epochs.
    pub fn of_steps(network: Network<D>, config: &TrainConfig<'_>, total: usize, epochs_per_row: usize) -> Self {
        let optimizer = Optimizer::new(config.optimizer);
        let (peak, steps_per_epoch) = (optimizer.peak_learning_rate(), config.steps_per_epoch as u64);
        Self {
            network,
            optimizer,
            schedule: Schedule::of_steps(config.schedule, peak, steps_per_epoch, total as u64),
            gradient_clip: config.gradient_clip,
            step: 0,
            means: EpochMeans::default(),
            total_steps: if config.steps_per_epoch == 0 { 0 } else { total },
            steps_per_epoch: config.steps_per_epoch,
            epochs_per_row,
            records: Vec::new(),
            best: None,
            shards: None,
        }
    }

    /// Returns how batches are cut into shards, if they are.
    pub(crate) fn shards(&self) -> Option<&ShardConfig> {
        self.shards.as_ref()
    }

    /// Returns the number of steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Returns the number of steps of the whole run.
    pub fn total_steps(&self) -> u64 {
        self.total_steps as u64
    }

    /// Returns the number of epochs of the whole run; the last one may be shorter.
    pub fn epochs(&self) -> usize {
        self.total_steps.div_ceil(self.steps_per_epoch.max(1))
    }

    /// Returns the epoch of the last step, or the next one if its row is finished, from 1.
    pub fn epoch(&self) -> usize {
        let within = self.means.steps().saturating_sub(1) / self.steps_per_epoch.max(1);
        self.records.len() * self.epochs_per_row + within + 1
    }

    /// Returns whether a row is not finished.
    pub fn has_epochs_left(&self) -> bool {
        self.finished_steps() < self.total_steps
    }

    /// Returns whether the current row has steps left.
    pub fn has_steps_left(&self) -> bool {
        self.means.steps() < self.steps_of_row(self.records.len())
    }

    /// Returns the number of steps in finished rows.
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

    /// Iterates over finished rows, each with the number of steps taken at its end.
    pub fn finished(&self) -> impl Iterator<Item = (&EpochRecord, u64)> {
        self.records.iter().enumerate().map(|(row, record)| (record, self.steps_before(row + 1) as u64))
    }

    /// Returns the record of the current row.
    pub fn record(&self) -> EpochRecord {
        self.means.record(self.epoch())
    }

    /// Finishes the current row.
    pub fn finish_epoch(&mut self, record: EpochRecord) {
        self.records.push(record);
        self.means = EpochMeans::default();
    }

    /// Returns the finished rows.
    pub fn records(&self) -> &[EpochRecord] {
        &self.records
    }

    /// Returns the network in its current state.
    pub fn network(&self) -> &Network<D> {
        &self.network
    }

    /// Saves the current weights as the best.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn keep_best(&mut self) -> Result<()> {
        self.best = Some(self.network.state_dict()?);
        Ok(())
    }

    /// Restores the best weights, if any were saved.
    ///
    /// # Errors
    /// The device cannot be written.
    pub fn load_best(&mut self) -> Result<()> {
        match &self.best {
            Some(weights) => self.network.load_state_dict(weights),
            None => Ok(()),
        }
    }

    /// Returns a checkpoint of the current state.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn checkpoint(&self) -> Result<Checkpoint<'_>> {
        Ok(Checkpoint {
            step: self.steps(),
            means: self.means.clone(),
            records: Cow::Borrowed(&self.records),
            network: Cow::Owned(self.network.state_dict()?),
            optimizer: Cow::Owned(self.optimizer_state()?),
            best: self.best.as_deref().map(Cow::Borrowed),
        })
    }

    /// Returns the state vectors of the optimizer ([`Optimizer::state`]).
    fn optimizer_state(&self) -> Result<Vec<Vec<f32>>> {
        let device = self.network.device();
        self.optimizer.state().1.iter().map(|vector| device.download(vector)).collect()
    }

    /// Resumes from a checkpoint of the same training run.
    ///
    /// # Errors
    /// The checkpoint belongs to another training run; the state is unchanged then.
    pub fn restore(&mut self, checkpoint: Checkpoint<'static>) -> Result<()> {
        if !self.fits(&checkpoint) {
            return Err(Error::stage("it belongs to another training run"));
        }
        let device = self.network.device().clone();
        let trainables = self.network.trainables();
        let lengths: Vec<usize> = trainables.iter().map(|parameter| device.length(parameter.values)).collect();
        drop(trainables);
        let mut optimizer = self.optimizer.fresh();
        optimizer.restore(&device, checkpoint.step, checkpoint.optimizer.into_owned(), &lengths)?;
        self.network.load_state_dict(&checkpoint.network)?;
        (self.optimizer, self.step) = (optimizer, checkpoint.step);
        self.means = checkpoint.means;
        self.records = checkpoint.records.into_owned();
        self.best = checkpoint.best.map(Cow::into_owned);
        Ok(())
    }

    /// Returns whether steps, rows and best weights of a checkpoint are consistent with this run; the optimizer
    /// and the network check the rest.
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
