//! The stage interface of the engine.

use crate::base::{Error, Result};
use crate::engine::compute::interruption;
use crate::engine::{
    EpochMetrics, Event, EventSink, Progress, StageHardware, StageSummary, TrainingMetrics, TrainingSpeed,
};
use crate::group::Team;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Unit of work that turns input artifacts into one artifact, a directory of files.
pub trait Stage: Send + Sync {
    /// Returns the name shown to users: `pretrain.main`, `linear_eval.depths[depth 0, 10 % labels]`.
    fn name(&self) -> String;

    /// Returns the kind, the directory of the store that holds its artifacts: `pretrain`.
    fn kind(&self) -> &'static str;

    /// Returns the version of the algorithm, increased when the same parameters and inputs give a different result.
    fn version(&self) -> u32;

    /// Returns everything besides the inputs that determines the artifact's content; an object.
    fn parameters(&self) -> Value;

    /// Computes the artifact into `context.output()`. Returns its result in a few figures, or none.
    ///
    /// # Errors
    /// Any error of the computation; the output directory is then discarded.
    fn run(&self, context: &Context<'_>) -> Result<StageSummary>;

    /// Returns the number of shards of its batches; more than 1 if ranks can compute the stage together.
    fn shards(&self) -> usize {
        1
    }

    /// Returns the metrics of a finished artifact for comparing runs: `accuracy`, `loss`.
    fn metrics(&self, _artifact: &Path) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// Returns why an artifact with the right content has to be made again, if it has: its files in the directory `form`
    /// keep the content in another form than the one that is asked for, or refer to files that have changed. The stages
    /// that read it are not computed again.
    fn misfit(&self, _artifact: &Path) -> Option<String> {
        None
    }

    /// Returns why the stage cannot be computed on this machine, or none if it can.
    fn obstacle(&self) -> Option<Error> {
        None
    }

    /// Returns the hardware that computes the stage on this machine.
    fn hardware(&self) -> StageHardware {
        StageHardware::cpu()
    }

    /// Describes a parameter that differs from that of an earlier artifact. `parameter` is its dotted path, `artifact`
    /// the directory of the earlier artifact. If none, both values are shown.
    fn explain(&self, _parameter: &str, _artifact: &Path) -> Option<String> {
        None
    }
}

/// Estimated cost of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Work in a unit shared by all stages of a kind, such as MACs; an upper bound if training may stop early. Times
    /// are estimated from the time per unit of earlier stages.
    pub work: f64,
    /// Peak memory in bytes.
    pub memory: u64,
}

/// Context in which a stage runs.
pub struct Context<'a> {
    /// Name of the stage.
    pub stage: String,
    /// Directory to write to; becomes the artifact when the stage succeeds.
    pub output: PathBuf,
    /// Directory for checkpoints from which an interrupted stage resumes; it may not exist yet. It outlives the run, is
    /// not part of the artifact, and is removed when the artifact is finished. Only the holder of the stage's lock uses
    /// it.
    pub checkpoints: PathBuf,
    /// How often a long stage should write a checkpoint.
    pub checkpoint_every: Duration,
    /// Artifact directories of the inputs, by role: `split`, `pretrain`, ...
    pub inputs: BTreeMap<String, PathBuf>,
    /// Fails if an input has changed since the stage started ([`Context::check_inputs`]).
    pub check_inputs: &'a (dyn Fn() -> Result<()> + Sync),
    /// Receives progress, metrics, notes and warnings.
    pub events: &'a dyn EventSink,
    /// Set when the user asks to stop.
    pub interrupted: &'a AtomicBool,
    /// Set when another stage's failure ends the run.
    pub halted: &'a AtomicBool,
    /// This rank's connection to those that compute the stage with it.
    pub team: &'a Team,
    /// Measurements by the stage, for its record.
    pub measured: &'a Mutex<BTreeMap<String, f64>>,
}

impl Context<'_> {
    /// Returns the directory to write the artifact's files to.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Returns the directory of the input artifact with this role.
    ///
    /// # Errors
    /// The stage has no such input, which is a bug.
    pub fn input(&self, role: &str) -> Result<&Path> {
        self.optional_input(role).ok_or_else(|| Error::bug(format!("stage {} has no input '{role}'", self.stage)))
    }

    /// Returns the directory of the input artifact with this role, if the stage has such an input.
    pub fn optional_input(&self, role: &str) -> Option<&Path> {
        self.inputs.get(role).map(PathBuf::as_path)
    }

    /// Checks that no input was overwritten since the stage started. Call it before writing a checkpoint; at the end of
    /// the stage the engine checks by itself.
    ///
    /// # Errors
    /// An input has changed since the stage started.
    pub fn check_inputs(&self) -> Result<()> {
        (self.check_inputs)()
    }

    /// Whether the stage should write a checkpoint and stop.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.halted.load(Ordering::Relaxed)
    }

    /// Adds a measurement to the artifact's record that is not part of the result, such as a speed.
    pub fn measure(&self, name: &str, value: f64) {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// Reports the progress of the stage in a unit such as `images`.
    pub fn progress(&self, done: u64, total: u64, unit: &str) {
        let progress = Progress { done, total, unit: unit.to_owned(), training: None };
        self.events.emit(&Event::Progress { stage: self.stage.clone(), progress });
    }

    /// Reports step `step` of `total`, from 1.
    pub fn training_step(&self, step: u64, total: u64, metrics: TrainingMetrics) {
        let progress = Progress { done: step, total, unit: "steps".to_owned(), training: Some(metrics) };
        self.events.emit(&Event::Progress { stage: self.stage.clone(), progress });
    }

    /// Reports the end of an epoch.
    pub fn epoch(&self, metrics: EpochMetrics) {
        self.events.emit(&Event::Epoch { stage: self.stage.clone(), metrics });
    }

    /// Reports how fast training was.
    pub fn speed(&self, speed: TrainingSpeed) {
        self.events.emit(&Event::Speed { stage: self.stage.clone(), speed });
    }

    /// Reports that the stage resumes in an epoch, from 1, after a number of steps.
    pub fn resumed(&self, epoch: u64, step: u64) {
        self.events.emit(&Event::Resumed { stage: self.stage.clone(), epoch, step });
    }

    /// Writes a line to the log.
    pub fn note(&self, text: impl Into<String>) {
        self.events.emit(&Event::Note { stage: self.stage.clone(), text: text.into() });
    }

    /// Warns the user.
    pub fn warn(&self, text: impl Into<String>) {
        self.events.emit(&Event::Warning { stage: self.stage.clone(), text: text.into() });
    }

    /// Returns an error if the stage should stop.
    ///
    /// # Errors
    /// The user or another stage's failure stops the run.
    pub fn check_interrupted(&self) -> Result<()> {
        if self.is_interrupted() { Err(self.interruption()) } else { Ok(()) }
    }

    /// Returns the error of a stage that stops because a user asks for it.
    pub(crate) fn interruption(&self) -> Error {
        interruption()
    }
}
