//! Computes one stage under its lock.

use crate::base::{Error, ErrorKind, Result, files, hash};
use crate::engine::provenance::{input_digests, was_computed_from};
use crate::engine::store::{ArtifactSnapshot, Draft, Inspection, Lock, Verifier, set_aside, set_aside_suspects};
use crate::engine::{
    ArtifactRecord, Context, Event, EventSink, Graph, RunOptions, Stage, StageHardware, StageId, StageStatus,
    StageSummary, Store, clock, follow,
};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// File next to a stage's checkpoints with the digests of the inputs they were computed from.
const INPUTS_FILE: &str = "inputs.json";

/// The artifacts that a stage reads, by role.
pub(super) type Inputs = BTreeMap<String, ArtifactSnapshot>;

/// What all stages of a run share while they are computed.
pub(super) struct Compute<'a> {
    pub(super) graph: &'a Graph,
    pub(super) store: &'a Store,
    pub(super) verifier: &'a Verifier<'a>,
    pub(super) options: &'a RunOptions,
    pub(super) events: &'a dyn EventSink,
    /// Set when the user asks to stop.
    pub(super) interrupted: &'a AtomicBool,
    /// Set when a failure ends the run.
    pub(super) halted: &'a Arc<AtomicBool>,
}

impl Compute<'_> {
    /// Whether the run is stopping, so that no further stage may start.
    pub(super) fn is_stopped(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.halted.load(Ordering::Relaxed)
    }

    /// Acquires a stage's lock; none if another run holds it.
    pub(super) fn lock(&self, id: StageId) -> Result<Option<Lock>> {
        let lock = Lock::try_acquire(self.store, self.graph.kind(id), self.graph.key(id))?;
        Ok(lock.inspect(|lock| lock.halt_when_lost(self.halted)))
    }

    /// Computes a stage, unless another run did so before the lock was free. None if an input changed meanwhile: the
    /// caller then has to decide again what to compute.
    pub(super) fn compute_or_reuse(
        &self,
        id: StageId,
        inputs: &Inputs,
        forced: bool,
        lock: &Lock,
    ) -> Result<Option<(PathBuf, StageStatus)>> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        if lock.was_finished() {
            // By another machine, perhaps a moment ago.
            self.store.state_when_visible(kind, key, || self.is_stopped());
        }
        match self.verifier.inspect(kind, key) {
            Inspection::Intact(snapshot)
                if !forced
                    && was_computed_from(self.store, kind, key, inputs)
                    && self.graph.stage(id).misfit(&snapshot.path).is_none() =>
            {
                self.events.emit(&Event::Cached { stage: name.to_owned() });
                return Ok(Some((snapshot.path, StageStatus::Cached)));
            }
            Inspection::Incomplete(damage) => self.set_aside(id, &damage, lock)?,
            Inspection::Corrupt(damage) => {
                self.set_aside(id, &damage, lock)?;
                for aside in set_aside_suspects(self.store, key)? {
                    let what =
                        format!("an artifact that may have been computed from it was renamed to {}", aside.display());
                    self.warn(name, what);
                }
            }
            Inspection::Intact(_) | Inspection::Missing => {}
        }
        let computed = self.compute(id, inputs, lock)?;
        Ok(computed.map(|path| (path, StageStatus::Computed)))
    }

    fn set_aside(&self, id: StageId, damage: &str, lock: &Lock) -> Result<()> {
        let aside = set_aside(self.store, self.graph.kind(id), self.graph.key(id), lock)?;
        let what = format!("the artifact was damaged ({damage}) and was renamed to {}", aside.display());
        self.warn(self.graph.name(id), what);
        Ok(())
    }

    fn compute(&self, id: StageId, inputs: &Inputs, lock: &Lock) -> Result<Option<PathBuf>> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        let (start, started) = (Instant::now(), clock::now());
        self.events.emit(&Event::Started { stage: name.to_owned() });
        let draft = Draft::new(self.store, kind, key, lock)?;
        let measured = Mutex::default();
        let result = self.call(id, inputs, (draft.directory(), lock), &measured);
        if let Err(error) = lock.check()
            && error.kind() == ErrorKind::Superseded
        {
            // Whatever else failed may be due to the other process.
            return Err(error);
        }
        let summary = match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            result => {
                if self.inputs_changed(id, inputs, result.is_err()) {
                    return Ok(None);
                }
                result?
            }
        };
        let StageHardware { processor, threads, kernel } = self.graph.stage(id).hardware();
        let record = ArtifactRecord {
            processor,
            threads,
            kernel,
            inputs: input_digests(inputs),
            work: self.graph.cost(id).map(|cost| cost.work),
            measured: measured.into_inner().unwrap_or_else(PoisonError::into_inner),
            ..ArtifactRecord::new(name, started, start.elapsed().as_secs_f64(), summary.clone())
        };
        let (path, differs) = draft.commit(self.graph.key_text(id), &record)?;
        self.verifier.record_written(kind, key);
        if differs {
            let text = "recomputed, it differs from the artifact in the store: the stage is not reproducible";
            self.warn(name, text.to_owned());
        }
        self.events.emit(&Event::Finished { stage: name.to_owned(), elapsed: start.elapsed(), summary });
        Ok(Some(path))
    }

    /// Whether an input changed while the stage ran; after a failure every byte of the inputs is compared.
    fn inputs_changed(&self, id: StageId, inputs: &Inputs, failed: bool) -> bool {
        let has_changed = |(role, snapshot): (&String, &ArtifactSnapshot)| {
            let input = self.graph.inputs(id)[role];
            let (kind, key) = (self.graph.kind(input), self.graph.key(input));
            let is_intact = || matches!(self.verifier.inspect_fully(kind, key), Inspection::Intact(_));
            let changed = !self.verifier.is_unchanged(snapshot, kind, key) || (failed && !is_intact());
            if changed {
                let what = format!("the artifact of {} changed while it was read", self.graph.name(input));
                self.warn(self.graph.name(id), what);
            }
            changed
        };
        inputs.iter().any(has_changed)
    }

    /// Runs the stage, on all ranks if its batches have shards.
    fn call(
        &self,
        id: StageId,
        inputs: &Inputs,
        (output, lock): (&Path, &Lock),
        measured: &Mutex<BTreeMap<String, f64>>,
    ) -> Result<StageSummary> {
        let checkpoints = self.checkpoints(id, inputs)?;
        let context = Context {
            stage: self.graph.name(id).to_owned(),
            output: output.to_owned(),
            checkpoint_every: self.options.checkpoint_every,
            inputs: inputs.iter().map(|(role, snapshot)| (role.clone(), snapshot.path.clone())).collect(),
            check_inputs: &|| lock.check().and_then(|()| self.check_inputs(id, inputs, &checkpoints)),
            events: self.events,
            interrupted: self.interrupted,
            halted: self.halted,
            team: &self.options.team,
            measured,
            checkpoints: checkpoints.clone(),
        };
        let team = &self.options.team;
        if !team.has_others() || self.graph.stage(id).shards() == 1 {
            return run_stage(self.graph.stage(id), &context);
        }
        follow::lead(team, self.graph.key(id), &context)?;
        team.end(run_stage(self.graph.stage(id), &context))
    }

    /// Returns the directory of a stage's checkpoints, after removing checkpoints computed from inputs with the same
    /// keys but different content.
    fn checkpoints(&self, id: StageId, inputs: &Inputs) -> Result<PathBuf> {
        let (kind, key) = (self.graph.kind(id), self.graph.key(id));
        let directory = self.store.checkpoints(kind, key);
        let read: BTreeMap<String, String> = files::read(&directory.join(INPUTS_FILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        if input_digests(inputs).iter().any(|(role, digest)| read.get(role).is_some_and(|read| read != digest)) {
            self.store.remove_checkpoints(kind, key)?;
        }
        Ok(directory)
    }

    /// Checks that no input changed, before a checkpoint computed from the inputs is written.
    fn check_inputs(&self, id: StageId, inputs: &Inputs, checkpoints: &Path) -> Result<()> {
        for (role, snapshot) in inputs {
            let input = self.graph.inputs(id)[role];
            if !self.verifier.is_unchanged(snapshot, self.graph.kind(input), self.graph.key(input)) {
                let error = Error::stage("the artifact changed while it was read");
                return Err(error
                    .at(snapshot.path.display().to_string())
                    .help("run again: the changed artifact is recomputed"));
            }
        }
        let path = checkpoints.join(INPUTS_FILE);
        if path.exists() {
            return Ok(());
        }
        files::create_directory(checkpoints)?;
        files::write_atomic(&path, hash::canonical_json(&input_digests(inputs))?.as_bytes())
    }

    fn warn(&self, stage: &str, text: String) {
        self.events.emit(&Event::Warning { stage: stage.to_owned(), text });
    }
}

/// Returns the error of a run that the user stopped.
pub(super) fn interruption() -> Error {
    Error::new(ErrorKind::Interrupted, "interrupted").help("run again to resume")
}

/// Runs a stage and turns a panic into an error.
pub(super) fn run_stage(stage: &dyn Stage, context: &Context<'_>) -> Result<StageSummary> {
    catch_unwind(AssertUnwindSafe(|| stage.run(context))).unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::bug(format!("panic: {text}")).help("this is a bug in simclr: please report it with the pipeline file")
}

/// Returns the error with the stage as its location; a location of its own moves into the message.
pub(super) fn at_stage(error: Error, stage: &str) -> Error {
    let Some(place) = error.place().filter(|place| *place != stage) else { return error.at(stage) };
    let moved = Error::new(error.kind(), format!("{place}: {}", error.what())).at(stage);
    match error.next_step() {
        Some(help) => moved.help(help),
        None => moved,
    }
}
