//! Computes what is missing, in order.

use crate::base::{Error, ErrorKind, Result};
use crate::engine::select::{Need, needs};
use crate::engine::store::{Draft, Lock, remove_leftovers, set_aside};
use crate::engine::{Context, Event, EventSink, Graph, Record, RunOptions, StageId, State, Store, clock};
use serde::Serialize;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often a run looks whether another one has given a stage back.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// What a run did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Artifact folders by stage ([`StageId::index`]); none for those that were not needed and are not there.
    pub artifacts: Vec<Option<PathBuf>>,
    /// Stages computed by this run.
    pub computed: usize,
    /// Stages whose artifacts were there.
    pub cached: usize,
    /// Each stage, in the graph's order.
    pub stages: Vec<StageOutcome>,
}

impl Outcome {
    /// Artifact folder of a stage.
    ///
    /// # Errors
    /// The stage was not needed by this run and is not there.
    pub fn artifact(&self, id: StageId) -> Result<&PathBuf> {
        let missing = || Error::stage("the artifact is not there").help("run again without --only");
        self.artifacts[id.index()].as_ref().ok_or_else(|| missing().at(self.stages[id.index()].name.clone()))
    }
}

/// What a run did with one stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageOutcome {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Key of its artifact.
    pub key: String,
    /// Computed or not.
    pub status: StageStatus,
    /// Time that this run took for it.
    pub seconds: f64,
}

/// What became of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// This run computed it.
    Computed,
    /// Its artifact was there, or another run computed it meanwhile.
    Cached,
    /// Its artifact is missing and nothing that was asked for needs it.
    NotNeeded,
}

/// Computes every stage that is missing and asked for, or needed by such a stage. What is finished stays when a later
/// stage fails or the user interrupts.
///
/// # Errors
/// A stage failed or panicked (the error names it), the user interrupted, the store cannot be written, or a pattern
/// of the options means no stage.
pub fn run(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    events: &dyn EventSink,
    interrupted: &AtomicBool,
) -> Result<Outcome> {
    let needs = needs(graph, store, options)?;
    if needs.iter().any(Need::is_compute) {
        remove_leftovers(store)?;
    }
    let mut run = Run { graph, store, options, events, interrupted, artifacts: vec![None; graph.len()] };
    let stages = graph.iter().map(|id| run.visit(id, &needs[id.index()])).collect::<Result<Vec<_>>>()?;
    let count = |status| stages.iter().filter(|stage| stage.status == status).count();
    let (computed, cached) = (count(StageStatus::Computed), count(StageStatus::Cached));
    Ok(Outcome { artifacts: run.artifacts, computed, cached, stages })
}

struct Run<'a> {
    graph: &'a Graph,
    store: &'a Store,
    options: &'a RunOptions,
    events: &'a dyn EventSink,
    interrupted: &'a AtomicBool,
    artifacts: Vec<Option<PathBuf>>,
}

impl Run<'_> {
    fn visit(&mut self, id: StageId, need: &Need) -> Result<StageOutcome> {
        let start = Instant::now();
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        let (artifact, status) = match need {
            Need::NotNeeded => (None, StageStatus::NotNeeded),
            Need::Cached(path) => (Some(path.clone()), self.cached(name)),
            Need::Compute { forced, .. } => {
                let (path, status) = self.obtain(id, *forced).map_err(|error| {
                    let error = at_stage(error, name);
                    self.events.emit(&Event::Failed { stage: name.to_owned(), error: error.to_string() });
                    error
                })?;
                (Some(path), status)
            }
        };
        self.artifacts[id.index()] = artifact;
        let seconds = if status == StageStatus::Computed { start.elapsed().as_secs_f64() } else { 0.0 };
        Ok(StageOutcome { name: name.to_owned(), kind: kind.to_owned(), key: key.to_owned(), status, seconds })
    }

    fn cached(&self, name: &str) -> StageStatus {
        self.events.emit(&Event::Cached { stage: name.to_owned() });
        StageStatus::Cached
    }

    /// Computes a stage under its lock, unless another run has done so by the time the lock is free.
    fn obtain(&self, id: StageId, forced: bool) -> Result<(PathBuf, StageStatus)> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        let lock = self.lock(name, kind, key)?;
        match self.store.state(kind, key) {
            State::Whole(path) if !forced => return Ok((path, self.cached(name))),
            State::Damaged(damage) => {
                let aside = set_aside(self.store, kind, key, &lock)?;
                let text = format!("the artifact was damaged ({damage}); it is now {}", aside.display());
                self.events.emit(&Event::Warning { stage: name.to_owned(), text });
            }
            State::Whole(_) | State::Missing => {}
        }
        self.compute(id, &lock).map(|path| (path, StageStatus::Computed))
    }

    /// Waits for the lock, as long as the user does not interrupt.
    fn lock(&self, name: &str, kind: &str, key: &str) -> Result<Lock> {
        let mut told = false;
        loop {
            check(self.interrupted)?;
            if let Some(lock) = Lock::try_take(self.store, kind, key)? {
                return Ok(lock);
            }
            if !told {
                let text = "another run computes this stage; waiting for it".to_owned();
                self.events.emit(&Event::Note { stage: name.to_owned(), text });
                told = true;
            }
            std::thread::sleep(LOCK_POLL);
        }
    }

    fn compute(&self, id: StageId, lock: &Lock) -> Result<PathBuf> {
        let (name, kind, key) = (self.graph.name(id), self.graph.kind(id), self.graph.key(id));
        let (start, started) = (Instant::now(), clock::now());
        self.events.emit(&Event::Started { stage: name.to_owned() });
        let draft = Draft::new(self.store, kind, key, lock)?;
        let summary = self.call(id, draft.folder().to_owned())?;
        let record = Record::new(name, started, start.elapsed().as_secs_f64(), &summary);
        let (path, differs) = draft.commit(self.graph.key_text(id), &record)?;
        if differs {
            let text =
                "computed again, it differs from what was in the store: the stage is not reproducible".to_owned();
            self.events.emit(&Event::Warning { stage: name.to_owned(), text });
        }
        self.events.emit(&Event::Finished { stage: name.to_owned(), elapsed: start.elapsed(), summary });
        Ok(path)
    }

    /// Calls the stage; a panic becomes an error.
    fn call(&self, id: StageId, output: PathBuf) -> Result<String> {
        let mut inputs = std::collections::BTreeMap::new();
        for (role, input) in self.graph.inputs(id) {
            let artifact = self.artifacts[input.index()].clone();
            let artifact = artifact.ok_or_else(|| Error::bug(format!("input '{role}' was not computed")))?;
            inputs.insert(role.clone(), artifact);
        }
        let stage = self.graph.name(id).to_owned();
        let context = Context {
            stage,
            output,
            checkpoints: self.store.checkpoints(self.graph.kind(id), self.graph.key(id)),
            checkpoint_every: self.options.checkpoint_every,
            inputs,
            events: self.events,
            interrupted: self.interrupted,
        };
        catch_unwind(AssertUnwindSafe(|| self.graph.stage(id).run(&context)))
            .unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
    }
}

fn check(interrupted: &AtomicBool) -> Result<()> {
    if interrupted.load(Ordering::Relaxed) {
        return Err(Error::new(ErrorKind::Interrupted, "interrupted").help("run again: finished stages are kept"));
    }
    Ok(())
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::bug(format!("panic: {text}")).help("this is a bug of simclr: please report it with the pipeline file")
}

/// The error with the stage as its place; a place of its own moves into the sentence.
fn at_stage(error: Error, stage: &str) -> Error {
    let Some(place) = error.place().filter(|place| *place != stage) else { return error.at(stage) };
    let moved = Error::new(error.kind(), format!("{place}: {}", error.what())).at(stage);
    match error.next_step() {
        Some(help) => moved.help(help),
        None => moved,
    }
}
