//! Runs: computes missing stages, each after its inputs, and independent stages in parallel if requested.

use crate::base::{Error, ErrorKind, Result};
use crate::engine::compute::{Compute, Inputs, at_stage, interruption};
use crate::engine::estimate;
use crate::engine::scheduler::Scheduler;
use crate::engine::select::{Action, decide_actions};
use crate::engine::store::{Inspection, Lock, Verifier, remove_leftovers};
use crate::engine::{Event, EventSink, Graph, RunOptions, RunOutcome, StageId, StageStatus, Store};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a run checks whether another run has released the lock of a stage.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Maximum number of rounds of a run. A new round starts when artifacts turn out to be damaged or to have changed.
const MAX_ROUNDS: usize = 20;

/// Computes every requested stage whose artifact is missing, and the stages it depends on. Finished stages are kept
/// when a later stage fails or the user interrupts. A stage that another run is computing is left to that run.
///
/// Artifacts are compared with their manifests before they are read ([`Verify`](crate::engine::store::Verify)). Damaged
/// artifacts are set aside and recomputed, and so are artifacts computed from an input that has changed since.
///
/// # Errors
/// A stage failed or panicked (the error names it) and `keep_going` is not set, the user interrupted, the store
/// cannot be written, or a pattern of the options matches no stage.
pub fn run(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    events: &dyn EventSink,
    interrupted: &AtomicBool,
) -> Result<RunOutcome> {
    // First, since this restores an artifact that a killed run was replacing.
    remove_leftovers(store)?;
    let verifier = Verifier::new(store, options.verify);
    let rounds = Rounds { graph, store, verifier: &verifier, options, events, interrupted };
    let outcome = rounds.run();
    verifier.persist();
    outcome
}

/// State shared by all rounds of a run.
struct Rounds<'a> {
    graph: &'a Graph,
    store: &'a Store,
    verifier: &'a Verifier<'a>,
    options: &'a RunOptions,
    events: &'a dyn EventSink,
    interrupted: &'a AtomicBool,
}

/// Result of a round.
struct Round {
    outcome: RunOutcome,
    /// Artifacts may differ from those that were read, so another round has to check them.
    needs_another_round: bool,
}

impl Rounds<'_> {
    fn run(&self) -> Result<RunOutcome> {
        let mut earlier: Option<RunOutcome> = None;
        for _ in 0..MAX_ROUNDS {
            let actions = self.actions(earlier.as_ref())?;
            let is_first = earlier.is_none();
            if !is_first && !actions.iter().any(Action::is_compute) {
                self.report_cached(&actions, earlier.as_ref());
                let outcome = Scheduler::new(self.graph, &actions).into_outcome();
                return Ok(outcome.merge_earlier(earlier));
            }
            let Round { outcome, needs_another_round } = self.round(&actions, earlier.as_ref())?;
            let outcome = outcome.merge_earlier(earlier);
            if !needs_another_round {
                return Ok(outcome);
            }
            earlier = Some(outcome);
        }
        let what = format!("artifacts were damaged or changed {MAX_ROUNDS} times during the run");
        Err(Error::stage(what)
            .at(self.store.directory().display().to_string())
            .help("find out what writes to the store, or check the disk, then run again"))
    }

    /// Decides what to do with each stage, without forcing stages that an earlier round already computed.
    fn actions(&self, earlier: Option<&RunOutcome>) -> Result<Vec<Action>> {
        let mut actions = decide_actions(self.graph, self.store, self.verifier, self.options)?;
        let Some(earlier) = earlier else { return Ok(actions) };
        for id in self.graph.iter() {
            let is_done = earlier.stages[id.index()].status == StageStatus::Computed;
            if let (true, Action::Compute { forced: true, fault: None }) = (is_done, &actions[id.index()])
                && let Some(path) = &earlier.artifacts[id.index()]
            {
                actions[id.index()] = Action::Cached(path.clone());
            }
        }
        Ok(actions)
    }

    fn report_cached(&self, actions: &[Action], earlier: Option<&RunOutcome>) {
        let is_reported = |id: StageId| {
            earlier.is_some_and(|earlier| {
                let status = earlier.stages[id.index()].status;
                matches!(status, StageStatus::Computed | StageStatus::Cached)
            })
        };
        for id in self.graph.iter().filter(|id| matches!(actions[id.index()], Action::Cached(_)) && !is_reported(*id)) {
            self.events.emit(&Event::Cached { stage: self.graph.name(id).to_owned() });
        }
    }

    fn round(&self, actions: &[Action], earlier: Option<&RunOutcome>) -> Result<Round> {
        let Self { graph, store, verifier, options, events, interrupted } = *self;
        let obstacles = obstacles(graph, actions);
        if let (Some((_, error)), false) = (obstacles.first(), options.keep_going) {
            return Err(error.clone());
        }
        self.report_cached(actions, earlier);
        events.planned(&estimate::planned(graph, store, actions));
        let scheduler = Mutex::new(Scheduler::new(graph, actions));
        let (halted, needs_another_round) = (Arc::default(), AtomicBool::new(false));
        let compute = Compute { graph, store, verifier, options, events, interrupted, halted: &halted };
        let workers = Workers {
            compute,
            actions,
            scheduler,
            changed: Condvar::new(),
            announced: Mutex::default(),
            needs_another_round,
        };
        obstacles.into_iter().for_each(|(id, error)| workers.fail(&mut workers.scheduler(), id, error));
        std::thread::scope(|scope| {
            for _ in 1..options.jobs {
                // If no thread can be started, the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || workers.work());
            }
            workers.work();
        });
        let has_unconfirmed = actions.iter().any(|action| matches!(action, Action::CachedIfInputsMatch(_)));
        let inputs_changed = workers.needs_another_round.load(Ordering::Relaxed);
        let outcome = workers.finish()?;
        Ok(Round { needs_another_round: inputs_changed || (has_unconfirmed && outcome.is_complete()), outcome })
    }
}

/// Returns the stages that have to be computed but cannot be, with the reasons.
fn obstacles(graph: &Graph, actions: &[Action]) -> Vec<(StageId, Error)> {
    let to_compute = graph.iter().filter(|id| actions[id.index()].is_compute());
    to_compute.filter_map(|id| Some((id, at_stage(graph.stage(id).obstacle()?, graph.name(id))))).collect()
}

/// Workers of one round.
struct Workers<'a> {
    compute: Compute<'a>,
    actions: &'a [Action],
    scheduler: Mutex<Scheduler<'a>>,
    /// Notified when a stage ends.
    changed: Condvar,
    /// Stages already reported as being computed by another run.
    announced: Mutex<HashSet<StageId>>,
    /// Set when an input changed or was found to be damaged.
    needs_another_round: AtomicBool,
}

impl<'a> Workers<'a> {
    fn scheduler(&self) -> MutexGuard<'_, Scheduler<'a>> {
        self.scheduler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Computes stages until none is left.
    fn work(&self) {
        while let Some((id, lock)) = self.next() {
            let start = Instant::now();
            let forced = matches!(self.actions[id.index()], Action::Compute { forced: true, .. });
            let result = self.inputs(id).and_then(|inputs| match inputs {
                Some(inputs) => self.compute.compute_or_reuse(id, &inputs, forced, &lock),
                None => Ok(None),
            });
            // Released before the result is recorded: another run that waits for the lock finds the artifact.
            drop(lock);
            self.record_result(id, result, start.elapsed());
        }
    }

    /// Returns the next stage to compute, with its lock; none if there will be no more.
    fn next(&self) -> Option<(StageId, Lock)> {
        let mut scheduler = self.scheduler();
        loop {
            if self.compute.is_stopped() {
                return None;
            }
            let ready = scheduler.ready();
            if ready.is_empty() && !scheduler.is_busy() {
                return None;
            }
            for id in ready {
                match self.compute.lock(id) {
                    Ok(Some(lock)) => {
                        scheduler.start(id);
                        return Some((id, lock));
                    }
                    Ok(None) => self.report_waiting(id, &scheduler),
                    Err(error) => {
                        // The run may be stopping now, so check again before trying another stage.
                        self.fail(&mut scheduler, id, error);
                        break;
                    }
                }
            }
            let waited = self.changed.wait_timeout(scheduler, LOCK_POLL);
            scheduler = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reports once per stage that another run is computing it, when there is nothing else to do.
    fn report_waiting(&self, id: StageId, scheduler: &Scheduler<'_>) {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        if !scheduler.is_busy() && announced.insert(id) {
            let text = "another run is computing this stage; waiting for it".to_owned();
            self.compute.events.emit(&Event::Note { stage: self.compute.graph.name(id).to_owned(), text });
        }
    }

    /// Returns the artifacts that a stage reads, inspected again, since a run can take hours. None if one is damaged.
    fn inputs(&self, id: StageId) -> Result<Option<Inputs>> {
        let Compute { graph, store, verifier, .. } = &self.compute;
        let mut inputs = Inputs::new();
        for (role, input) in graph.inputs(id) {
            let (kind, key) = (graph.kind(*input), graph.key(*input));
            match verifier.inspect(kind, key) {
                Inspection::Intact(snapshot) => _ = inputs.insert(role.clone(), snapshot),
                Inspection::Incomplete(_) | Inspection::Corrupt(_) => return Ok(None),
                Inspection::Missing => {
                    let error = Error::stage("the artifact was removed during the run");
                    let path = store.artifact_path(kind, key).display().to_string();
                    let help = "run again: the missing artifact is recomputed, finished stages are kept";
                    return Err(error.at(path).help(help));
                }
            }
        }
        Ok(Some(inputs))
    }

    fn record_result(&self, id: StageId, result: Result<Option<(PathBuf, StageStatus)>>, elapsed: Duration) {
        let mut scheduler = self.scheduler();
        match result {
            Ok(Some((path, status))) => {
                let seconds = if status == StageStatus::Computed { elapsed.as_secs_f64() } else { 0.0 };
                scheduler.finish(id, path, status, seconds);
            }
            Ok(None) => {
                self.needs_another_round.store(true, Ordering::Relaxed);
                scheduler.stop(id);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => scheduler.stop(id),
            Err(error) => self.fail(&mut scheduler, id, error),
        }
        self.changed.notify_all();
    }

    fn fail(&self, scheduler: &mut Scheduler<'_>, id: StageId, error: Error) {
        let Compute { graph, events, options, halted, .. } = &self.compute;
        let name = graph.name(id);
        let error = at_stage(error, name);
        events.emit(&Event::Failed { stage: name.to_owned(), error: error.to_string() });
        let is_superseded = error.kind() == ErrorKind::Superseded;
        let skipped = scheduler.fail(id, error);
        if !options.keep_going || is_superseded {
            halted.store(true, Ordering::Relaxed);
            return;
        }
        for stage in skipped {
            events.emit(&Event::Skipped { stage: graph.name(stage).to_owned(), because: name.to_owned() });
        }
    }

    fn finish(self) -> Result<RunOutcome> {
        let scheduler = self.scheduler.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let (Some(error), false) = (scheduler.first_failure(), self.compute.options.keep_going) {
            return Err(error.clone());
        }
        if let Some(error) = scheduler.failures().find(|error| error.kind() == ErrorKind::Superseded) {
            return Err(error.clone());
        }
        if self.compute.interrupted.load(Ordering::Relaxed) {
            return Err(interruption());
        }
        Ok(scheduler.into_outcome())
    }
}
