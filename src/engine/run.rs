//! Computes what is missing: each stage after its inputs, independent ones at the same time where the user allows it.

use crate::base::{Error, ErrorKind, Result};
use crate::engine::compute::{Compute, Inputs, at_stage, interruption};
use crate::engine::scheduler::Scheduler;
use crate::engine::select::{Need, needs};
use crate::engine::store::{Found, Lock, Verifier, remove_leftovers};
use crate::engine::{Event, EventSink, Graph, Outcome, RunOptions, StageId, StageStatus, Store};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a run looks whether another one has given a stage back.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Most times that a run finds out anew what to compute, since artifacts turned out to be damaged or to be other ones.
const MOST_ROUNDS: usize = 20;

/// Computes every stage that is missing and asked for, or needed by such a stage. What is finished stays when a later
/// stage fails or the user interrupts. A stage that another run computes at the moment is left to it.
///
/// Artifacts are compared with their manifests before they are read ([`Verify`](crate::engine::store::Verify)). One that
/// is damaged is set aside and computed again, and so is what was computed from another artifact than the one that is
/// there now.
///
/// # Errors
/// A stage failed or panicked (the error names it) and the options do not say to keep going, the user interrupted, the
/// store cannot be written, or a pattern of the options means no stage.
pub fn run(
    graph: &Graph,
    store: &Store,
    options: &RunOptions,
    events: &dyn EventSink,
    interrupted: &AtomicBool,
) -> Result<Outcome> {
    // First, since an artifact that a killed run was replacing may come back.
    remove_leftovers(store)?;
    let verifier = Verifier::new(store, options.verify);
    let rounds = Rounds { graph, store, verifier: &verifier, options, events, interrupted };
    let outcome = rounds.run();
    verifier.remember();
    outcome
}

/// What all rounds of a run share.
struct Rounds<'a> {
    graph: &'a Graph,
    store: &'a Store,
    verifier: &'a Verifier<'a>,
    options: &'a RunOptions,
    events: &'a dyn EventSink,
    interrupted: &'a AtomicBool,
}

/// What a round came to.
struct Round {
    outcome: Outcome,
    /// Artifacts may have turned out as others than those that later stages read.
    is_open: bool,
}

impl Rounds<'_> {
    fn run(&self) -> Result<Outcome> {
        let mut earlier: Option<Outcome> = None;
        for _ in 0..MOST_ROUNDS {
            let needs = self.needs(earlier.as_ref())?;
            let is_first = earlier.is_none();
            if !is_first && !needs.iter().any(Need::is_compute) {
                self.tell_cached(&needs, earlier.as_ref());
                let outcome = Scheduler::new(self.graph, &needs).into_outcome();
                return Ok(outcome.after(earlier));
            }
            let Round { outcome, is_open } = self.round(&needs, earlier.as_ref())?;
            let outcome = outcome.after(earlier);
            if !is_open {
                return Ok(outcome);
            }
            earlier = Some(outcome);
        }
        let what = format!("artifacts were damaged or changed {MOST_ROUNDS} times while they were needed");
        Err(Error::stage(what)
            .at(self.store.directory().display().to_string())
            .help("find out what writes into the store, or check the disk, and run again"))
    }

    /// What is to be done, without computing by force what was computed before.
    fn needs(&self, earlier: Option<&Outcome>) -> Result<Vec<Need>> {
        let mut needs = needs(self.graph, self.store, self.verifier, self.options)?;
        let Some(earlier) = earlier else { return Ok(needs) };
        for id in self.graph.iter() {
            let is_done = earlier.stages[id.index()].status == StageStatus::Computed;
            if let (true, Need::Compute { forced: true, fault: None }) = (is_done, &needs[id.index()])
                && let Some(path) = &earlier.artifacts[id.index()]
            {
                needs[id.index()] = Need::Cached(path.clone());
            }
        }
        Ok(needs)
    }

    fn tell_cached(&self, needs: &[Need], earlier: Option<&Outcome>) {
        let is_told = |id: StageId| {
            earlier.is_some_and(|earlier| {
                let status = earlier.stages[id.index()].status;
                matches!(status, StageStatus::Computed | StageStatus::Cached)
            })
        };
        for id in self.graph.iter().filter(|id| matches!(needs[id.index()], Need::Cached(_)) && !is_told(*id)) {
            self.events.emit(&Event::Cached { stage: self.graph.name(id).to_owned() });
        }
    }

    fn round(&self, needs: &[Need], earlier: Option<&Outcome>) -> Result<Round> {
        let Self { graph, store, verifier, options, events, interrupted } = *self;
        let obstacles = obstacles(graph, needs);
        if let (Some((_, error)), false) = (obstacles.first(), options.keep_going) {
            return Err(error.clone());
        }
        self.tell_cached(needs, earlier);
        let board = Mutex::new(Scheduler::new(graph, needs));
        let (halted, again) = (AtomicBool::new(false), AtomicBool::new(false));
        let compute = Compute { graph, store, verifier, options, events, interrupted, halted: &halted };
        let run = Run { compute, needs, board, changed: Condvar::new(), told: Mutex::default(), again };
        obstacles.into_iter().for_each(|(id, error)| run.fail(&mut run.board(), id, error));
        std::thread::scope(|scope| {
            for _ in 1..options.jobs {
                // Where there is no thread to be had, the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, || run.work());
            }
            run.work();
        });
        let is_open = needs.iter().any(|need| matches!(need, Need::CachedUnless(_)));
        let is_again = run.again.load(Ordering::Relaxed);
        let outcome = run.finish()?;
        Ok(Round { is_open: is_again || (is_open && outcome.is_whole()), outcome })
    }
}

/// Stages that are to be computed and cannot be, and why.
fn obstacles(graph: &Graph, needs: &[Need]) -> Vec<(StageId, Error)> {
    let to_compute = graph.iter().filter(|id| needs[id.index()].is_compute());
    to_compute.filter_map(|id| Some((id, at_stage(graph.stage(id).obstacle()?, graph.name(id))))).collect()
}

struct Run<'a> {
    compute: Compute<'a>,
    needs: &'a [Need],
    board: Mutex<Scheduler<'a>>,
    /// Told when a stage ends.
    changed: Condvar,
    /// Stages of which the user knows that another run computes them.
    told: Mutex<HashSet<StageId>>,
    /// Set when an artifact turned out not to be what it was taken for.
    again: AtomicBool,
}

impl<'a> Run<'a> {
    fn board(&self) -> MutexGuard<'_, Scheduler<'a>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes stages until none is left.
    fn work(&self) {
        while let Some((id, lock)) = self.next() {
            let start = Instant::now();
            let forced = matches!(self.needs[id.index()], Need::Compute { forced: true, .. });
            let result = self.inputs(id).and_then(|inputs| match inputs {
                Some(inputs) => self.compute.obtain(id, &inputs, forced, &lock),
                None => Ok(None),
            });
            // Another run that waits for the lock finds the artifact.
            drop(lock);
            self.settle(id, result, start.elapsed());
        }
    }

    /// The next stage to compute, with its lock; none where there will be no more.
    fn next(&self) -> Option<(StageId, Lock)> {
        let mut board = self.board();
        loop {
            if self.compute.is_stopped() {
                return None;
            }
            let ready = board.ready();
            if ready.is_empty() && !board.is_busy() {
                return None;
            }
            for id in ready {
                match self.compute.lock(id) {
                    Ok(Some(lock)) => {
                        board.start(id);
                        return Some((id, lock));
                    }
                    Ok(None) => self.tell_waiting(id, &board),
                    Err(error) => {
                        // The others may no longer be wanted.
                        self.fail(&mut board, id, error);
                        break;
                    }
                }
            }
            let waited = self.changed.wait_timeout(board, LOCK_POLL);
            board = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Says once that another run computes a stage, when there is nothing else to do.
    fn tell_waiting(&self, id: StageId, board: &Scheduler<'_>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !board.is_busy() && told.insert(id) {
            let text = "another run computes this stage; waiting for it".to_owned();
            self.compute.events.emit(&Event::Note { stage: self.compute.graph.name(id).to_owned(), text });
        }
    }

    /// The artifacts that a stage reads, looked at once more: a run takes hours. None where one is damaged by now.
    fn inputs(&self, id: StageId) -> Result<Option<Inputs>> {
        let Compute { graph, store, verifier, .. } = &self.compute;
        let mut inputs = Inputs::new();
        for (role, input) in graph.inputs(id) {
            let (kind, key) = (graph.kind(*input), graph.key(*input));
            match verifier.look(kind, key) {
                Found::Whole(seen) => _ = inputs.insert(role.clone(), seen),
                Found::Broken(_) | Found::Altered(_) => return Ok(None),
                Found::Missing => {
                    let error = Error::stage("the artifact was removed while it was needed");
                    let place = store.place(kind, key).display().to_string();
                    let help = "run again: what is missing is computed anew, finished stages are kept";
                    return Err(error.at(place).help(help));
                }
            }
        }
        Ok(Some(inputs))
    }

    fn settle(&self, id: StageId, result: Result<Option<(PathBuf, StageStatus)>>, elapsed: Duration) {
        let mut board = self.board();
        match result {
            Ok(Some((path, status))) => {
                let seconds = if status == StageStatus::Computed { elapsed.as_secs_f64() } else { 0.0 };
                board.finish(id, path, status, seconds);
            }
            Ok(None) => {
                self.again.store(true, Ordering::Relaxed);
                board.stop(id);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => board.stop(id),
            Err(error) => self.fail(&mut board, id, error),
        }
        self.changed.notify_all();
    }

    fn fail(&self, board: &mut Scheduler<'_>, id: StageId, error: Error) {
        let Compute { graph, events, options, halted, .. } = &self.compute;
        let name = graph.name(id);
        let error = at_stage(error, name);
        events.emit(&Event::Failed { stage: name.to_owned(), error: error.to_string() });
        let skipped = board.fail(id, error);
        if !options.keep_going {
            halted.store(true, Ordering::Relaxed);
            return;
        }
        for stage in skipped {
            events.emit(&Event::Skipped { stage: graph.name(stage).to_owned(), because: name.to_owned() });
        }
    }

    fn finish(self) -> Result<Outcome> {
        let board = self.board.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let (Some(error), false) = (board.first_failure(), self.compute.options.keep_going) {
            return Err(error.clone());
        }
        if self.compute.interrupted.load(Ordering::Relaxed) {
            return Err(interruption());
        }
        Ok(board.into_outcome())
    }
}
