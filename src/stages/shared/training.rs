//! What the stages that train have in common: going on after a kill, progress, interruption.

use crate::base::{Error, ErrorKind, Result};
use crate::dataset::Batches;
use crate::engine::Context;
use crate::nn::Taped;
use crate::stages::shared::device;
use crate::study::DeviceChoice;
use crate::train::progress::Throughput;
use crate::train::{Checkpoints, Compute, StepReport, TapedLoss, TrainState, UploadedBatch};

/// A multiply-add is two operations, and a step does each three times: forward, for the gradient of the input, for that
/// of the weights.
const FLOPS_PER_MULTIPLY_ADD: f64 = 6.0;
/// Seconds after which a speed says something.
const LONG_ENOUGH: f64 = 2.0;

/// A training that leaves checkpoints and goes on from the newest one.
pub struct Training<'a, D: Compute> {
    context: &'a Context<'a>,
    /// The training as far as it has come.
    pub session: TrainState<D>,
    batches: Batches,
    /// The next batch, which was sent to the device during the last step.
    ahead: Option<UploadedBatch<D>>,
    checkpoints: Checkpoints,
    /// Whether the user knows that checkpoints cannot be written.
    told: bool,
    /// Loss of a network that knows nothing, where the loss has such a level.
    chance: Option<f64>,
    /// Floating-point operations of a step for one view, convolutions counted as direct ones.
    flops_per_view: f64,
    speed: Throughput,
}

impl<'a, D: Compute> Training<'a, D> {
    /// Goes on where an earlier run stopped, or starts. `batches` are to leave out as many as it is given; `chance` is
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
            context.note(format!("going on from epoch {}, step {}", session.epoch(), session.steps()));
        }
        let batches = batches(session.steps() as usize);
        let flops_per_view = FLOPS_PER_MULTIPLY_ADD * multiply_adds as f64;
        Self {
            context,
            session,
            batches,
            ahead: None,
            checkpoints,
            told: false,
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

    /// Takes one step, sending the next batch meanwhile, tells of it, and leaves a checkpoint when one is due.
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
        self.context.progress(self.session.steps(), self.session.total_steps(), self.detail(&report));
        if self.checkpoints.is_due() {
            self.save();
        }
        Ok(())
    }

    /// Says how fast the training of this run was, and leaves that in the record; not where it was too short to tell.
    pub fn tell_speed(&self, device: DeviceChoice) {
        if self.speed.seconds() < LONG_ENOUGH {
            return;
        }
        let (views, waiting) = (self.speed.views_per_second(), self.speed.fraction(self.batches.waited()));
        let reached = 1e-9 * self.flops_per_view * views;
        let peak = device::peak_flops(device).map(|peak| 1e-9 * peak);
        let of_peak =
            peak.map(|peak| format!(" of a peak of {peak:.0} ({:.0} %)", 100.0 * reached / peak)).unwrap_or_default();
        let waited = 100.0 * waiting;
        self.context.note(format!(
            "{views:.0} views/s, {waited:.1} % of the time waiting for data, {reached:.0} GF/s{of_peak}"
        ));
        let measured = [("views_per_second", views), ("wait_share", waiting), ("gigaflops", reached)];
        let measured = measured.into_iter().chain(peak.map(|peak| ("peak_gigaflops", peak)));
        measured.into_iter().for_each(|(name, value)| self.context.measure(name, value));
    }

    fn detail(&self, report: &StepReport) -> String {
        let chance = self.chance.map(|chance| format!(" (chance {chance:.3})")).unwrap_or_default();
        format!(
            "epoch {}/{}  loss {:.3}{chance}  accuracy {:.3}  lr {:.2e}  {:.0} views/s  waiting {:.1} %",
            self.session.epoch(),
            self.session.epochs(),
            report.loss,
            report.accuracy,
            report.learning_rate,
            self.speed.views_per_second(),
            100.0 * self.speed.fraction(self.batches.waited()),
        )
    }

    /// Leaves a checkpoint. Returns whether one is there; that it cannot be written does not stop the training, and the
    /// user hears of it once.
    fn save(&mut self) -> bool {
        let whole = self.context.check_inputs();
        let saved =
            whole.and_then(|()| self.session.checkpoint()).and_then(|checkpoint| self.checkpoints.save(&checkpoint));
        if let Err(error) = &saved
            && !self.told
        {
            let (place, latest) = (error.place().unwrap_or_default(), self.checkpoints.latest());
            let what = format!("{place}: {} ", error.what());
            self.context.warn(format!("{what}(a checkpoint); a run that is stopped goes on from {latest}"));
            self.told = true;
        }
        saved.is_ok()
    }

    /// What to tell a user who interrupted, after leaving a checkpoint.
    fn interrupted(&mut self, error: Error) -> Error {
        // Whoever stops the run wants to know what is lost, also if they were told that something would be.
        self.told = false;
        match self.session.steps() > 0 && self.save() {
            true => Error::new(ErrorKind::Interrupted, error.what()).help("run again: it goes on from here"),
            false => error,
        }
    }
}
