//! What the stages that train have in common: resuming after a kill, progress, interruption.

use crate::base::{Error, ErrorKind, Result};
use crate::dataset::Batches;
use crate::engine::{Context, EpochMetrics, TrainingMetrics, TrainingSpeed};
use crate::nn::Taped;
use crate::stages::shared::device;
use crate::study::DeviceChoice;
use crate::train::progress::Throughput;
use crate::train::{Checkpoints, Compute, EpochRecord, StepReport, TapedLoss, TrainState, UploadedBatch};

/// A multiply-add is two operations, and a step does each three times: forward, for the gradient of the input, for that
/// of the weights.
const FLOPS_PER_MULTIPLY_ADD: f64 = 6.0;
/// Seconds after which a speed says something.
const LONG_ENOUGH: f64 = 2.0;

/// A training run that leaves checkpoints and resumes from the newest one.
pub struct Training<'a, D: Compute> {
    context: &'a Context<'a>,
    /// The training as far as it has come.
    pub session: TrainState<D>,
    batches: Batches,
    /// The next batch, which was sent to the device during the last step.
    ahead: Option<UploadedBatch<D>>,
    checkpoints: Checkpoints,
    /// Whether the user has been warned that checkpoints cannot be written.
    has_warned: bool,
    /// Loss of a network that knows nothing, where the loss has such a level.
    chance: Option<f64>,
    /// Floating-point operations of a step for one view, convolutions counted as direct ones.
    flops_per_view: f64,
    speed: Throughput,
}

impl<'a, D: Compute> Training<'a, D> {
    /// Resumes where an earlier run stopped, or starts. `batches` are to leave out as many as it is given; `chance` is
    /// the loss of a network that knows nothing, `multiply_adds` the work of a forward pass for one view.
    pub fn resume(
        context: &'a Context<'a>,
        mut session: TrainState<D>,
        (chance, multiply_adds): (Option<f64>, u64),
        batches: impl FnOnce(usize) -> Batches,
    ) -> Self {
        let mut checkpoints = Checkpoints::new(&context.checkpoints, context.checkpoint_every);
        let warnings = checkpoints.resume(|checkpoint| session.restore(checkpoint));
        warnings.into_iter().for_each(|warning| context.warn(warning));
        if session.steps() > 0 {
            context.resumed(session.epoch() as u64, session.steps());
        }
        let batches = batches(session.steps() as usize);
        let flops_per_view = FLOPS_PER_MULTIPLY_ADD * multiply_adds as f64;
        Self {
            context,
            session,
            batches,
            ahead: None,
            checkpoints,
            has_warned: false,
            chance,
            flops_per_view,
            speed: Throughput::default(),
        }
    }

    /// Runs a part of the stage that can be interrupted; when it is, leaves a checkpoint.
    ///
    /// # Errors
    /// Those of `part`.
    pub fn interruptible<T>(&mut self, part: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        part(self).map_err(|error| match error.kind() {
            ErrorKind::Interrupted => self.interrupted(error),
            _ => error,
        })
    }

    /// The next batch of the epoch, on the device; none at its end.
    ///
    /// # Errors
    /// The user interrupted.
    pub fn next_batch(&mut self) -> Result<Option<UploadedBatch<D>>> {
        if !self.session.has_steps_left() {
            return Ok(None);
        }
        self.context.check_interrupted()?;
        if let Some(batch) = self.ahead.take() {
            return Ok(Some(batch));
        }
        let batch = self.batches.next().ok_or_else(|| Error::bug("the batches ended before the epoch"))??;
        UploadedBatch::new(batch, self.session.network()).map(Some)
    }

    /// Takes one step, sending the next batch meanwhile, reports it, and leaves a checkpoint when one is due.
    ///
    /// # Errors
    /// The loss or a gradient is not finite.
    pub fn step(
        &mut self,
        batch: UploadedBatch<D>,
        loss: impl FnOnce(Taped<D>, &[usize]) -> Result<TapedLoss<D>>,
    ) -> Result<()> {
        self.speed.add(batch.rows);
        let batches = &mut self.batches;
        let (report, ahead) = self.session.step_with(batch, loss, |network| {
            batches.next().map(|batch| UploadedBatch::new(batch?, network)).transpose()
        })?;
        self.ahead = ahead;
        self.context.training_step(self.session.steps(), self.session.total_steps(), self.metrics(&report));
        if self.checkpoints.is_due() {
            self.save();
        }
        Ok(())
    }

    /// Finishes the current row of the history and reports it.
    pub fn finish_epoch(&mut self, record: EpochRecord) {
        self.context.epoch(epoch_metrics(&record, self.session.steps() as usize));
        self.session.finish_epoch(record);
    }

    /// Reports how fast this run's training was, and leaves that in the record; not where it was too short to tell.
    pub fn report_speed(&self, device: DeviceChoice) {
        if self.speed.seconds() < LONG_ENOUGH {
            return;
        }
        let (views, waiting) = (self.speed.views_per_second(), self.speed.fraction(self.batches.waited()));
        let (reached, peak) = (1e-9 * self.flops_per_view * views, device::peak_flops(device).map(|peak| 1e-9 * peak));
        let speed = TrainingSpeed { views_per_second: views, waiting, gigaflops: reached, peak_gigaflops: peak };
        self.context.speed(speed);
        let measured = [("views_per_second", views), ("wait_share", waiting), ("gigaflops", reached)];
        let measured = measured.into_iter().chain(peak.map(|peak| ("peak_gigaflops", peak)));
        measured.into_iter().for_each(|(name, value)| self.context.measure(name, value));
    }

    fn metrics(&self, report: &StepReport) -> TrainingMetrics {
        TrainingMetrics {
            epoch: self.session.epoch() as u64,
            epochs: self.session.epochs() as u64,
            loss: report.loss,
            chance_loss: self.chance,
            accuracy: report.accuracy,
            learning_rate: report.learning_rate,
            gradient_norm: report.gradient_norm,
            views_per_second: self.speed.views_per_second(),
            waiting: self.speed.fraction(self.batches.waited()),
        }
    }

    /// Leaves a checkpoint. Returns whether one is there; that it cannot be written does not stop the training, and the
    /// user hears of it once.
    fn save(&mut self) -> bool {
        let whole = self.context.check_inputs();
        let saved =
            whole.and_then(|()| self.session.checkpoint()).and_then(|checkpoint| self.checkpoints.save(&checkpoint));
        if let Err(error) = &saved
            && !self.has_warned
        {
            let (place, latest) = (error.place().unwrap_or_default(), self.checkpoints.latest());
            let what = format!("{place}: {} ", error.what());
            self.context.warn(format!("{what}(a checkpoint); a run that is stopped resumes from {latest}"));
            self.has_warned = true;
        }
        saved.is_ok()
    }

    /// What to tell a user who interrupted, after leaving a checkpoint.
    fn interrupted(&mut self, error: Error) -> Error {
        // Whoever stops the run wants to know what is lost, even after the same warning.
        self.has_warned = false;
        match self.session.steps() > 0 && self.save() {
            true => Error::new(ErrorKind::Interrupted, error.what()).help("run again: it resumes from here"),
            false => error,
        }
    }
}

/// Returns the numbers of an epoch, at whose end this many steps have been taken.
pub fn epoch_metrics(record: &EpochRecord, steps: usize) -> EpochMetrics {
    EpochMetrics {
        epoch: record.epoch as u64,
        step: steps as u64,
        loss: record.loss,
        accuracy: record.accuracy,
        validation_loss: record.selection_loss,
        validation_accuracy: record.selection_accuracy,
    }
}
