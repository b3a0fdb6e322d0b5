//! The training loop of the stages: resuming after a kill, progress, interruption.

use crate::base::{Error, ErrorKind, Result};
use crate::dataset::Batches;
use crate::engine::{Context, EpochMetrics, TrainingMetrics, TrainingSpeed};
use crate::nn::Taped;
use crate::stages::shared::device;
use crate::stages::shared::ranks::Ranks;
use crate::study::DeviceChoice;
use crate::train::progress::Throughput;
use crate::train::{Checkpoints, Compute, EpochRecord, Objective, ShardConfig, StepReport, TrainState, UploadedBatch};

/// Floating-point operations of a training step per MAC of the forward pass: two each for the forward pass, the
/// gradient of the input and the gradient of the weights.
const FLOPS_PER_MAC: f64 = 6.0;
/// Minimum duration over which speed is measured, seconds.
const MIN_SECONDS: f64 = 2.0;

/// The loop of a training run, which saves checkpoints and resumes from the newest one.
pub(crate) struct TrainLoop<'a, D: Compute> {
    context: &'a Context<'a>,
    /// State of the training run.
    pub state: TrainState<D>,
    batches: Batches,
    /// The next batch, uploaded to the device during the last step.
    ahead: Option<UploadedBatch<D>>,
    checkpoints: Checkpoints,
    /// Whether the user has been warned that checkpoints cannot be written.
    has_warned: bool,
    /// Loss at chance level, if the loss has one.
    chance: Option<f64>,
    /// Floating-point operations of a training step per view, counting convolutions as direct ones.
    flops_per_view: f64,
    speed: Throughput,
    ranks: Ranks<'a>,
}

impl<'a, D: Compute> TrainLoop<'a, D> {
    /// Resumes where an earlier run stopped, or starts. `batches` returns the batches after the first so many;
    /// `chance` is the loss at chance level, `macs` the MACs of a forward pass per view. Of several ranks, the first reads
    /// the checkpoint and sends it to the others.
    ///
    /// # Errors
    /// Another rank failed.
    pub(crate) fn resume(
        context: &'a Context<'a>,
        mut state: TrainState<D>,
        (chance, macs): (Option<f64>, u64),
        batches: impl FnOnce(usize) -> Batches,
    ) -> Result<Self> {
        let mut checkpoints = Checkpoints::new(&context.checkpoints, context.checkpoint_every);
        let ranks = Ranks::of(&state, context);
        if ranks.is_first() {
            let warnings = checkpoints.resume(|checkpoint| state.restore(checkpoint));
            warnings.into_iter().for_each(|warning| context.warn(warning));
        }
        ranks.share(&mut state)?;
        if state.steps() > 0 {
            context.resumed(state.epoch() as u64, state.steps());
        }
        let batches = batches(state.steps() as usize);
        let flops_per_view = FLOPS_PER_MAC * macs as f64;
        Ok(Self {
            context,
            state,
            batches,
            ahead: None,
            checkpoints,
            has_warned: false,
            chance,
            flops_per_view,
            speed: Throughput::default(),
            ranks,
        })
    }

    /// Runs an interruptible part of the stage; saves a checkpoint if it is interrupted.
    ///
    /// # Errors
    /// The errors of `part`.
    pub(crate) fn interruptible<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        part(self).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => self.interrupted(error),
            _ => error,
        })
    }

    /// Returns the next batch of the epoch, on the device; `None` at its end.
    ///
    /// # Errors
    /// The run was interrupted, or the batch cannot be loaded.
    pub(crate) fn next_batch(&mut self) -> Result<Option<UploadedBatch<D>>> {
        if !self.state.has_steps_left() {
            return Ok(None);
        }
        self.ranks.check_interrupted()?;
        if let Some(batch) = self.ahead.take() {
            return Ok(Some(batch));
        }
        let batch = self.batches.next().ok_or_else(|| Error::bug("the batches ended before the epoch"))??;
        match self.state.shards() {
            Some(shards) => UploadedBatch::shards(batch, self.state.network(), &shards.sharding).map(Some),
            None => UploadedBatch::new(batch, self.state.network()).map(Some),
        }
    }

    /// Takes a training step and reports it, uploading the next batch meanwhile; saves a checkpoint if one is due.
    ///
    /// # Errors
    /// The loss or a gradient is not finite.
    pub(crate) fn step(&mut self, batch: UploadedBatch<D>, objective: &impl Objective) -> Result<()> {
        self.speed.add(batch.rows * self.ranks.count());
        self.ranks.begin_step(self.state.steps() + 1);
        let report = match self.state.shards().cloned() {
            Some(shards) => self.step_on_shards(&shards, batch, objective)?,
            None => {
                let batches = &mut self.batches;
                let loss = |outputs: Taped<D>, labels: &[usize]| objective.taped(outputs, labels);
                let (report, ahead) = self.state.step_with(batch, loss, |network| {
                    batches.next().map(|batch| UploadedBatch::new(batch?, network)).transpose()
                })?;
                self.ahead = ahead;
                report
            }
        };
        let is_due = self.ranks.agree(&report, self.checkpoints.is_due())?;
        self.context.training_step(self.state.steps(), self.state.total_steps(), self.metrics(&report));
        if is_due {
            self.ranks.compare(&self.state)?;
            self.save();
        }
        Ok(())
    }

    fn step_on_shards(
        &mut self,
        shards: &ShardConfig,
        batch: UploadedBatch<D>,
        objective: &impl Objective,
    ) -> Result<StepReport> {
        let batches = &mut self.batches;
        let (report, ahead) = self.state.step_on_shards(shards, batch, objective, |network| {
            batches.next().map(|batch| UploadedBatch::shards(batch?, network, &shards.sharding)).transpose()
        })?;
        self.ahead = ahead;
        report.inspect_err(|_| self.ranks.release())
    }

    /// Ends training on all ranks; returns whether this one is the first, which finishes the stage.
    ///
    /// # Errors
    /// The networks of the ranks differ, or another rank failed.
    pub(crate) fn end(&self) -> Result<bool> {
        self.ranks.compare(&self.state)?;
        self.ranks.release();
        Ok(self.ranks.is_first())
    }

    /// Computes numbers on the first rank for all.
    ///
    /// # Errors
    /// Those of `work`, on every rank, or another rank failed.
    pub(crate) fn on_first(&self, work: impl FnOnce(&TrainState<D>) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        self.ranks.on_first(|| work(&self.state))
    }

    /// Finishes the current row of the history and reports it.
    pub(crate) fn finish_epoch(&mut self, record: EpochRecord) {
        self.context.epoch(epoch_metrics(&record, self.state.steps() as usize));
        self.state.finish_epoch(record);
    }

    /// Reports the training speed of this run and adds it to the record, unless the run was too short to measure it.
    pub(crate) fn report_speed(&self, device: DeviceChoice) {
        if self.speed.seconds() < MIN_SECONDS {
            return;
        }
        let (views, waiting) = (self.speed.views_per_second(), self.speed.fraction(self.batches.waited()));
        let (reached, peak) = (1e-9 * self.flops_per_view * views, device::peak_flops(device).map(|peak| 1e-9 * peak));
        let speed = TrainingSpeed { views_per_second: views, waiting, gigaflops: reached, peak_gigaflops: peak };
        self.context.speed(speed);
        let measured = [("views_per_second", views), ("wait_share", waiting), ("gigaflops", reached)];
        let exchanges = self.ranks.exchange_seconds().map(|seconds| ("exchange_share", self.speed.fraction(seconds)));
        let measured = measured.into_iter().chain(peak.map(|peak| ("peak_gigaflops", peak))).chain(exchanges);
        measured.into_iter().for_each(|(name, value)| self.context.measure(name, value));
    }

    fn metrics(&self, report: &StepReport) -> TrainingMetrics {
        TrainingMetrics {
            epoch: self.state.epoch() as u64,
            epochs: self.state.epochs() as u64,
            loss: report.loss,
            chance_loss: self.chance,
            accuracy: report.accuracy,
            learning_rate: report.learning_rate,
            gradient_norm: report.gradient_norm,
            views_per_second: self.speed.views_per_second(),
            waiting: self.speed.fraction(self.batches.waited()),
        }
    }

    /// Saves a checkpoint on the first rank and returns whether that succeeded; a failure does not stop training and is reported once.
    fn save(&mut self) -> bool {
        if !self.ranks.is_first() {
            return true;
        }
        let inputs = self.context.check_inputs();
        let saved =
            inputs.and_then(|()| self.state.checkpoint()).and_then(|checkpoint| self.checkpoints.save(&checkpoint));
        if let Err(error) = &saved
            && !self.has_warned
        {
            let place = error.place().map(|place| format!("{place}: ")).unwrap_or_default();
            let (what, latest) =
                (format!("cannot save a checkpoint: {place}{}", error.what()), self.checkpoints.latest());
            self.context.warn(format!("{what}; a run that is stopped resumes from {latest}"));
            self.has_warned = true;
        }
        saved.is_ok()
    }

    /// Saves a checkpoint and returns the error to show after an interruption.
    fn interrupted(&mut self, error: Error) -> Error {
        // Warn again: a user who stops the run needs to know what is lost.
        self.has_warned = false;
        match self.state.steps() > 0 && self.save() {
            true => Error::new(ErrorKind::Interrupted, error.what()).help("run again: it resumes from here"),
            false => error,
        }
    }
}

/// Returns the metrics of an epoch that ends after this many steps.
pub(crate) fn epoch_metrics(record: &EpochRecord, steps: usize) -> EpochMetrics {
    EpochMetrics {
        epoch: record.epoch as u64,
        step: steps as u64,
        loss: record.loss,
        accuracy: record.accuracy,
        validation_loss: record.selection_loss,
        validation_accuracy: record.selection_accuracy,
    }
}
