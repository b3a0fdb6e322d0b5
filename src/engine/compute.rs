//! Computes one stage under its lock.

use crate::base::{Error, ErrorKind, Result};
use crate::engine::store::{Draft, Lock, set_aside};
use crate::engine::{Context, Event, EventSink, Graph, Record, RunOptions, StageId, StageStatus, State, Store, clock};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What every stage of a run is computed with.
pub(super) struct Compute<'a> {
    pub(super) graph: &'a Graph,
    pub(super) store: &'a Store,
    pub(super) options: &'a RunOptions,
    pub(super) events: &'a dyn EventSink,
    /// Set when the user asks to stop.
    pub(super) interrupted: &'a AtomicBool,
    /// Set when a failure ends the run.
    pub(super) halted: &'a AtomicBool,
}

impl Compute<'_> {
    /// Whether no further stage is to be started.
    pub(super) fn is_stopped(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.halted.load(Ordering::Relaxed)
    }

    /// Takes a stage's lock, or nothing where another run has it.
    pub(super) fn lock(&self, id: StageId) -> Result<Option<Lock>> {
        Lock::try_take(self.store, self.graph.kind(id), self.graph.key(id))
    }

    /// Computes a stage, unless another run has done so before the lock was free.
    pub(super) fn obtain(
        &self,
        id: StageId,
        inputs: BTreeMap<String, PathBuf>,
        forced: bool,
        lock: &Lock,
    ) -> Result<(PathBuf, StageStatus)> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        match self.store.state(kind, key) {
            State::Whole(path) if !forced => {
                self.events.emit(&Event::Cached { stage: name.to_owned() });
                return Ok((path, StageStatus::Cached));
            }
            State::Damaged(damage) => {
                let aside = set_aside(self.store, kind, key, lock)?;
                self.warn(name, format!("the artifact was damaged ({damage}); it is now {}", aside.display()));
            }
            State::Whole(_) | State::Missing => {}
        }
        self.compute(id, inputs, lock).map(|path| (path, StageStatus::Computed))
    }

    fn compute(&self, id: StageId, inputs: BTreeMap<String, PathBuf>, lock: &Lock) -> Result<PathBuf> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        let (start, started) = (Instant::now(), clock::now());
        self.events.emit(&Event::Started { stage: name.to_owned() });
        let draft = Draft::new(self.store, kind, key, lock)?;
        let measured = Mutex::default();
        let summary = self.call(id, inputs, draft.folder().to_owned(), &measured)?;
        let record = Record {
            work: self.graph.cost(id).map(|cost| cost.work),
            measured: measured.into_inner().unwrap_or_else(PoisonError::into_inner),
            ..Record::new(name, started, start.elapsed().as_secs_f64(), &summary)
        };
        let (path, differs) = draft.commit(self.graph.key_text(id), &record)?;
        if differs {
            let text = "computed again, it differs from what was in the store: the stage is not reproducible";
            self.warn(name, text.to_owned());
        }
        self.events.emit(&Event::Finished { stage: name.to_owned(), elapsed: start.elapsed(), summary });
        Ok(path)
    }

    /// Calls the stage; a panic becomes an error.
    fn call(
        &self,
        id: StageId,
        inputs: BTreeMap<String, PathBuf>,
        output: PathBuf,
        measured: &Mutex<BTreeMap<String, f64>>,
    ) -> Result<String> {
        let context = Context {
            stage: self.graph.name(id).to_owned(),
            output,
            checkpoints: self.store.checkpoints(self.graph.kind(id), self.graph.key(id)),
            checkpoint_every: self.options.checkpoint_every,
            inputs,
            events: self.events,
            interrupted: self.interrupted,
            halted: self.halted,
            measured,
        };
        catch_unwind(AssertUnwindSafe(|| self.graph.stage(id).run(&context)))
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }

    fn warn(&self, stage: &str, text: String) {
        self.events.emit(&Event::Warning { stage: stage.to_owned(), text });
    }
}

/// The error of a run that the user stopped.
pub(super) fn interruption() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted").help("run again: it goes on where it was")
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::bug(format!("panic: {text}")).help("this is a bug of simclr: please report it with the pipeline file")
}

/// The error with the stage as its place; a place of its own moves into the sentence.
pub(super) fn at_stage(error: Error, stage: &str) -> Error {
    let Some(place) = error.place().filter(|place| *place != stage) else { return error.at(stage) };
    let moved = Error::new(error.kind(), format!("{place}: {}", error.what())).at(stage);
    match error.next_step() {
        Some(help) => moved.help(help),
        None => moved,
    }
}
