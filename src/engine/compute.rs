//! Computes one stage under its lock.

use crate::base::{Error, ErrorKind, Result, files, hash};
use crate::engine::provenance::{digests, holds};
use crate::engine::store::{Draft, Found, Lock, Seen, Verifier, set_aside, set_aside_doubtful};
use crate::engine::{Context, Event, EventSink, Graph, Record, RunOptions, StageId, StageStatus, Store, clock};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Beside a stage's checkpoints: the digests of the inputs that they were made of.
const READ: &str = "inputs.json";

/// The artifacts that a stage reads, by role.
pub(super) type Inputs = BTreeMap<String, Seen>;

/// What every stage of a run is computed with.
pub(super) struct Compute<'a> {
    pub(super) graph: &'a Graph,
    pub(super) store: &'a Store,
    pub(super) verifier: &'a Verifier<'a>,
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

    /// Computes a stage, unless another run has done so before the lock was free. None where an input turned out not to
    /// be what it was taken for: what to compute is to be found out anew.
    pub(super) fn obtain(
        &self,
        id: StageId,
        inputs: &Inputs,
        forced: bool,
        lock: &Lock,
    ) -> Result<Option<(PathBuf, StageStatus)>> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        match self.verifier.look(kind, key) {
            Found::Whole(seen) if !forced && holds(self.store, kind, key, inputs) => {
                self.events.emit(&Event::Cached { stage: name.to_owned() });
                return Ok(Some((seen.path, StageStatus::Cached)));
            }
            Found::Broken(damage) => self.set_aside(id, &damage, lock)?,
            Found::Altered(damage) => {
                self.set_aside(id, &damage, lock)?;
                for aside in set_aside_doubtful(self.store, key)? {
                    let what = format!("what may have been computed from it is now {}", aside.display());
                    self.warn(name, what);
                }
            }
            Found::Whole(_) | Found::Missing => {}
        }
        let computed = self.compute(id, inputs, lock)?;
        Ok(computed.map(|path| (path, StageStatus::Computed)))
    }

    fn set_aside(&self, id: StageId, damage: &str, lock: &Lock) -> Result<()> {
        let aside = set_aside(self.store, self.graph.kind(id), self.graph.key(id), lock)?;
        let what = format!("the artifact was damaged ({damage}); it is now {}", aside.display());
        self.warn(self.graph.name(id), what);
        Ok(())
    }

    fn compute(&self, id: StageId, inputs: &Inputs, lock: &Lock) -> Result<Option<PathBuf>> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        let (start, started) = (Instant::now(), clock::now());
        self.events.emit(&Event::Started { stage: name.to_owned() });
        let draft = Draft::new(self.store, kind, key, lock)?;
        let measured = Mutex::default();
        let summary = match self.call(id, inputs, draft.directory().to_owned(), &measured) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            result => {
                if self.has_other_inputs(id, inputs, result.is_err()) {
                    return Ok(None);
                }
                result?
            }
        };
        let record = Record {
            inputs: digests(inputs),
            work: self.graph.cost(id).map(|cost| cost.work),
            measured: measured.into_inner().unwrap_or_else(PoisonError::into_inner),
            ..Record::new(name, started, start.elapsed().as_secs_f64(), &summary)
        };
        let (path, differs) = draft.commit(self.graph.key_text(id), &record)?;
        self.verifier.wrote(kind, key);
        if differs {
            let text = "computed again, it differs from what was in the store: the stage is not reproducible";
            self.warn(name, text.to_owned());
        }
        self.events.emit(&Event::Finished { stage: name.to_owned(), elapsed: start.elapsed(), summary });
        Ok(Some(path))
    }

    /// Whether an input is not the one any more that the stage was given; after a failure every byte of them is looked at.
    fn has_other_inputs(&self, id: StageId, inputs: &Inputs, failed: bool) -> bool {
        let is_other = |(role, seen): (&String, &Seen)| {
            let input = self.graph.inputs(id)[role];
            let (kind, key) = (self.graph.kind(input), self.graph.key(input));
            let is_whole = || matches!(self.verifier.look_closely(kind, key), Found::Whole(_));
            let is_other = !self.verifier.is_unchanged(seen, kind, key) || (failed && !is_whole());
            if is_other {
                let what = format!("the artifact of {} is not the one that was read any more", self.graph.name(input));
                self.warn(self.graph.name(id), what);
            }
            is_other
        };
        inputs.iter().any(is_other)
    }

    /// Calls the stage; a panic becomes an error.
    fn call(
        &self,
        id: StageId,
        inputs: &Inputs,
        output: PathBuf,
        measured: &Mutex<BTreeMap<String, f64>>,
    ) -> Result<String> {
        let checkpoints = self.checkpoints(id, inputs)?;
        let context = Context {
            stage: self.graph.name(id).to_owned(),
            output,
            checkpoint_every: self.options.checkpoint_every,
            inputs: inputs.iter().map(|(role, seen)| (role.clone(), seen.path.clone())).collect(),
            check_inputs: &|| self.check_inputs(id, inputs, &checkpoints),
            events: self.events,
            interrupted: self.interrupted,
            halted: self.halted,
            measured,
            checkpoints: checkpoints.clone(),
        };
        catch_unwind(AssertUnwindSafe(|| self.graph.stage(id).run(&context)))
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }

    /// The directory of a stage's checkpoints, without those of other inputs under the same keys.
    fn checkpoints(&self, id: StageId, inputs: &Inputs) -> Result<PathBuf> {
        let (kind, key) = (self.graph.kind(id), self.graph.key(id));
        let directory = self.store.checkpoints(kind, key);
        let read: BTreeMap<String, String> = files::read(&directory.join(READ))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        if digests(inputs).iter().any(|(role, digest)| read.get(role).is_some_and(|read| read != digest)) {
            self.store.remove_checkpoints(kind, key)?;
        }
        Ok(directory)
    }

    /// Checks before a checkpoint is written that it does not keep what was made of a changed input.
    fn check_inputs(&self, id: StageId, inputs: &Inputs, checkpoints: &Path) -> Result<()> {
        for (role, seen) in inputs {
            let input = self.graph.inputs(id)[role];
            if !self.verifier.is_unchanged(seen, self.graph.kind(input), self.graph.key(input)) {
                let error = Error::stage("the artifact changed while it was read");
                return Err(error.at(seen.path.display().to_string()).help("run again: what changed is computed anew"));
            }
        }
        let path = checkpoints.join(READ);
        if path.exists() {
            return Ok(());
        }
        files::create_directory(checkpoints)?;
        files::write_atomic(&path, hash::canonical_json(&digests(inputs))?.as_bytes())
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
