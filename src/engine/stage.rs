//! What a stage is to the engine.

use crate::base::{Error, Result};
use crate::engine::compute::interruption;
use crate::engine::{Event, EventSink};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A unit of work that turns input artifacts into one artifact, a directory of files.
pub trait Stage: Send + Sync {
    /// Name shown to users: `pretrain.main`, `linear_eval.depths[depth 0, 10 % labels]`.
    fn name(&self) -> String;

    /// Directory of the store that holds its artifacts: `pretrain`.
    fn kind(&self) -> &'static str;

    /// Raised when the same parameters and inputs give another result than before.
    fn version(&self) -> u32;

    /// Everything besides the inputs that decides the artifact's content; an object.
    fn parameters(&self) -> Value;

    /// Computes the artifact into `context.output()`. Returns one line of result for the terminal, which may be empty.
    ///
    /// # Errors
    /// Whatever stops the work; what was written is thrown away then.
    fn run(&self, context: &Context<'_>) -> Result<String>;

    /// Numbers of a finished artifact by which two runs are compared: `accuracy`, `loss`.
    fn metrics(&self, _artifact: &Path) -> BTreeMap<String, f64> {
        BTreeMap::new()
    }

    /// Why it cannot be computed on this machine, if so.
    fn obstacle(&self) -> Option<Error> {
        None
    }

    /// What a parameter that differs from that of an earlier artifact means, in words; `parameter` is its dotted path
    /// and `artifact` the earlier artifact's directory. Without an answer both values are shown.
    fn explain(&self, _parameter: &str, _artifact: &Path) -> Option<String> {
        None
    }
}

/// What computing a stage takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Work in a unit that stages of one kind share, such as multiply-adds; at most this much, where training may stop
    /// early. Times are estimated from what work took before.
    pub work: f64,
    /// Memory at the peak, in bytes.
    pub memory: u64,
}

/// What a stage is given to run.
pub struct Context<'a> {
    /// Name of the stage.
    pub stage: String,
    /// Directory to write into; becomes the artifact when the stage succeeds.
    pub output: PathBuf,
    /// Directory for what lets a killed stage go on where it was; need not be there yet. It outlives the run, is no part of
    /// the artifact, and is removed when the artifact is finished. Only the holder of the stage's lock touches it.
    pub checkpoints: PathBuf,
    /// How often a long stage should leave a checkpoint.
    pub checkpoint_every: Duration,
    /// Artifact directories of the inputs, by role: `split`, `pretrain`, ...
    pub inputs: BTreeMap<String, PathBuf>,
    /// Fails where an input is not any more what it was when the stage began ([`Context::check_inputs`]).
    pub check_inputs: &'a (dyn Fn() -> Result<()> + Sync),
    /// Takes progress.
    pub events: &'a dyn EventSink,
    /// Set when the user asks to stop.
    pub interrupted: &'a AtomicBool,
    /// Set when another stage's failure ends the run.
    pub halted: &'a AtomicBool,
    /// What the stage measured of its own work, for its record.
    pub measured: &'a Mutex<BTreeMap<String, f64>>,
}

impl Context<'_> {
    /// Directory to write the artifact's files into.
    pub fn output(&self) -> &Path {
        &self.output
    }

    /// Directory of the input artifact with this role.
    ///
    /// # Errors
    /// The stage has no such input, which is a bug.
    pub fn input(&self, role: &str) -> Result<&Path> {
        self.inputs
            .get(role)
            .map(PathBuf::as_path)
            .ok_or_else(|| Error::bug(format!("stage {} has no input '{role}'", self.stage)))
    }

    /// To be called before a checkpoint is written, which must not keep what was made of an input that was overwritten
    /// meanwhile. At the end of the stage the engine looks by itself.
    ///
    /// # Errors
    /// An input is not any more what it was when the stage began.
    pub fn check_inputs(&self) -> Result<()> {
        (self.check_inputs)()
    }

    /// Whether the stage is asked to stop: time to leave a checkpoint.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.halted.load(Ordering::Relaxed)
    }

    /// Leaves a number in the artifact's record that says how the work went and is no part of the result, such as a
    /// speed.
    pub fn measure(&self, name: &str, value: f64) {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value);
    }

    /// Tells how far the stage is.
    pub fn progress(&self, done: u64, total: u64, detail: impl Into<String>) {
        self.events.emit(&Event::Progress { stage: self.stage.clone(), done, total, detail: detail.into() });
    }

    /// Leaves a line in the log.
    pub fn note(&self, text: impl Into<String>) {
        self.events.emit(&Event::Note { stage: self.stage.clone(), text: text.into() });
    }

    /// Tells the user of something to look at.
    pub fn warn(&self, text: impl Into<String>) {
        self.events.emit(&Event::Warning { stage: self.stage.clone(), text: text.into() });
    }

    /// Stops the stage if it is asked to.
    ///
    /// # Errors
    /// The stage is asked to stop.
    pub fn check_interrupted(&self) -> Result<()> {
        if self.is_interrupted() {
            return Err(interruption());
        }
        Ok(())
    }
}
