//! What the ranks of a training run agree on, after each step and at its start and end.

use crate::base::{Error, Result};
use crate::engine::Context;
use crate::group::Team;
use crate::train::{Checkpoint, Compute, StepReport, TrainState};
use std::cell::Cell;
use std::sync::atomic::Ordering;

/// The ranks of a training run.
pub(super) struct Ranks<'a> {
    context: &'a Context<'a>,
    /// The others, if there are any.
    team: Option<&'a Team>,
    /// Whether a rank has been asked to stop, as all know.
    is_interrupted: Cell<bool>,
    /// Seconds of exchanges before the first step.
    seconds_before: Cell<f64>,
}

/// What every rank says after a step.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C)]
struct Word {
    /// Bits of loss and norm of the gradient, which are the same on all ranks.
    loss: u64,
    gradient_norm: u64,
    /// 1 if this rank is asked to stop.
    is_interrupted: u64,
    /// 1 if a checkpoint is due by this rank's clock.
    is_due: u64,
}

impl Word {
    const BYTES: usize = 4 * size_of::<u64>();

    fn to_bytes(self) -> Vec<u8> {
        let Self { loss, gradient_norm, is_interrupted, is_due } = self;
        [loss, gradient_norm, is_interrupted, is_due].iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn read(bytes: &[u8]) -> Self {
        let number = |index: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[8 * index + i]));
        Self { loss: number(0), gradient_norm: number(1), is_interrupted: number(2), is_due: number(3) }
    }
}

impl<'a> Ranks<'a> {
    /// Returns the ranks of a training run, which is alone if its batches have no shards.
    pub(super) fn of<D: Compute>(state: &TrainState<D>, context: &'a Context<'a>) -> Self {
        let team = Some(context.team).filter(|team| team.has_others() && state.shards().is_some());
        Self { context, team, is_interrupted: Cell::new(false), seconds_before: Cell::new(0.0) }
    }

    /// Returns the number of ranks.
    pub(super) fn count(&self) -> usize {
        self.team.map_or(1, |team| team.group().size())
    }

    /// Returns the seconds that exchanges have taken, if there are other ranks.
    pub(super) fn exchange_seconds(&self) -> Option<f64> {
        self.team.map(|team| team.group().exchange_seconds() - self.seconds_before.get())
    }

    /// Returns whether this rank reads and writes for all.
    pub(super) fn is_first(&self) -> bool {
        self.team.is_none_or(|team| team.group().rank() == 0)
    }

    /// Marks the training run as over on all ranks.
    pub(super) fn release(&self) {
        self.team.into_iter().for_each(Team::release);
    }

    /// Begins a step, for the watchdog.
    pub(super) fn begin_step(&self, step: u64) {
        self.team.into_iter().for_each(|team| team.heartbeat().begin(step));
    }

    /// Returns an error if a rank has been asked to stop, on every rank after the same step.
    pub(super) fn check_interrupted(&self) -> Result<()> {
        match self.team {
            None => self.context.check_interrupted(),
            Some(team) if self.is_interrupted.get() => {
                team.release();
                Err(self.context.interruption())
            }
            Some(_) => Ok(()),
        }
    }

    /// Sends the state of the first rank to the others.
    pub(super) fn share<D: Compute>(&self, state: &mut TrainState<D>) -> Result<()> {
        let Some(team) = self.team else { return Ok(()) };
        let own = if self.is_first() && state.steps() > 0 { state.checkpoint()?.to_bytes()? } else { Vec::new() };
        let bytes = team.group().broadcast(own)?;
        self.seconds_before.set(team.group().exchange_seconds());
        if bytes.is_empty() || self.is_first() {
            return Ok(());
        }
        state.restore(Checkpoint::from_bytes(&bytes)?)
    }

    /// Agrees on the end of a step; returns whether a checkpoint is due by the clock of the first rank.
    pub(super) fn agree(&self, report: &StepReport, is_due: bool) -> Result<bool> {
        let Some(team) = self.team else { return Ok(is_due) };
        let word = Word {
            loss: report.loss.to_bits(),
            gradient_norm: report.gradient_norm.to_bits(),
            is_interrupted: u64::from(self.context.is_interrupted()),
            is_due: u64::from(is_due),
        };
        let all = team.group().all_gather(&word.to_bytes())?;
        team.heartbeat().end();
        let words: Vec<Word> = all.chunks_exact(Word::BYTES).map(Word::read).collect();
        let first = words[0];
        let other = words.iter().position(|of| (of.loss, of.gradient_norm) != (first.loss, first.gradient_norm));
        if let Some(rank) = other {
            return Err(self.difference(team, rank, "loss or gradient"));
        }
        if words.iter().any(|word| word.is_interrupted == 1) {
            self.is_interrupted.set(true);
            // The engine of this rank stops, too, whichever rank was asked to.
            self.context.interrupted.store(true, Ordering::Relaxed);
        }
        Ok(first.is_due == 1)
    }

    /// Compares the digests of networks and optimizers.
    pub(super) fn compare<D: Compute>(&self, state: &TrainState<D>) -> Result<()> {
        let Some(team) = self.team else { return Ok(()) };
        let digest = state.checkpoint()?.digest();
        let all = team.group().all_gather(&digest)?;
        match all.chunks_exact(digest.len()).position(|other| *other != all[..digest.len()]) {
            Some(rank) => Err(self.difference(team, rank, "network")),
            None => Ok(()),
        }
    }

    /// Computes numbers on the first rank for all.
    pub(super) fn on_first(&self, work: impl FnOnce() -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        match self.team {
            Some(team) => team.on_first(work),
            None => work(),
        }
    }

    /// Returns the error of ranks that have computed different numbers, which all have.
    fn difference(&self, team: &Team, rank: usize, what: &str) -> Error {
        team.release();
        let own = if team.group().rank() == rank { format!(" ({})", team.group().node()) } else { String::new() };
        Error::stage(format!("rank {rank}{own} has another {what} than rank 0, where both must be the same bytes"))
            .help(
                "use nodes with the same processor and the same program, check the memory of that node, and run again: \
             training resumes from the last checkpoint",
            )
    }
}
