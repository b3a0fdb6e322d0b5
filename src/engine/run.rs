//! Computes what is missing: each stage after its inputs, independent ones at the same time where the user allows it.

use crate::base::{Error, ErrorKind, Result};
use crate::engine::board::Board;
use crate::engine::compute::{Compute, at_stage, interruption};
use crate::engine::select::{Need, needs};
use crate::engine::store::{Lock, remove_leftovers};
use crate::engine::{Event, EventSink, Graph, Outcome, RunOptions, StageId, StageStatus, Store};
use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a run looks whether another one has given a stage back.
const LOCK_POLL: Duration = Duration::from_millis(50);

/// Computes every stage that is missing and asked for, or needed by such a stage. What is finished stays when a later
/// stage fails or the user interrupts. A stage that another run computes at the moment is left to it.
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
    let needs = needs(graph, store, options)?;
    let obstacles = obstacles(graph, &needs);
    if let (Some((_, error)), false) = (obstacles.first(), options.keep_going) {
        return Err(error.clone());
    }
    for id in graph.iter().filter(|id| matches!(needs[id.index()], Need::Cached(_))) {
        events.emit(&Event::Cached { stage: graph.name(id).to_owned() });
    }
    let board = Mutex::new(Board::new(graph, &needs));
    let halted = AtomicBool::new(false);
    let compute = Compute { graph, store, options, events, interrupted, halted: &halted };
    let run = Run { compute, needs: &needs, board, changed: Condvar::new(), told: Mutex::default() };
    obstacles.into_iter().for_each(|(id, error)| run.fail(&mut run.board(), id, error));
    std::thread::scope(|scope| {
        (1..options.jobs).for_each(|_| drop(scope.spawn(|| run.work())));
        run.work();
    });
    run.finish()
}

/// Stages that are to be computed and cannot be, and why.
fn obstacles(graph: &Graph, needs: &[Need]) -> Vec<(StageId, Error)> {
    let to_compute = graph.iter().filter(|id| needs[id.index()].is_compute());
    to_compute.filter_map(|id| Some((id, at_stage(graph.stage(id).obstacle()?, graph.name(id))))).collect()
}

struct Run<'a> {
    compute: Compute<'a>,
    needs: &'a [Need],
    board: Mutex<Board<'a>>,
    /// Told when a stage ends.
    changed: Condvar,
    /// Stages of which the user knows that another run computes them.
    told: Mutex<HashSet<StageId>>,
}

impl<'a> Run<'a> {
    fn board(&self) -> MutexGuard<'_, Board<'a>> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes stages until none is left.
    fn work(&self) {
        while let Some((id, lock)) = self.next() {
            let start = Instant::now();
            let forced = matches!(self.needs[id.index()], Need::Compute { forced: true, .. });
            let inputs = self.inputs(id);
            let result = inputs.and_then(|inputs| self.compute.obtain(id, inputs, forced, &lock));
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
    fn tell_waiting(&self, id: StageId, board: &Board<'_>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !board.is_busy() && told.insert(id) {
            let text = "another run computes this stage; waiting for it".to_owned();
            self.compute.events.emit(&Event::Note { stage: self.compute.graph.name(id).to_owned(), text });
        }
    }

    /// The artifacts that a stage reads, looked at once more: a run takes hours.
    fn inputs(&self, id: StageId) -> Result<BTreeMap<String, PathBuf>> {
        let Compute { graph, store, .. } = &self.compute;
        let artifact = |(role, input): (&String, &StageId)| {
            Ok((role.clone(), store.require(graph.kind(*input), graph.key(*input))?))
        };
        graph.inputs(id).iter().map(artifact).collect()
    }

    fn settle(&self, id: StageId, result: Result<(PathBuf, StageStatus)>, elapsed: Duration) {
        let mut board = self.board();
        match result {
            Ok((path, status)) => {
                let seconds = if status == StageStatus::Computed { elapsed.as_secs_f64() } else { 0.0 };
                board.finish(id, path, status, seconds);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => board.stop(id),
            Err(error) => self.fail(&mut board, id, error),
        }
        self.changed.notify_all();
    }

    fn fail(&self, board: &mut Board<'_>, id: StageId, error: Error) {
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
