//! Stages that all ranks of a run compute: rank 0 runs the engine and tells the others, which follow.

use crate::base::{Error, Result};
use crate::engine::compute::run_stage;
use crate::engine::{Context, Graph, NoEvents};
use crate::group::{Team, Threads};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Stack of the thread of a rank, as large as that of the main thread.
const STACK: usize = 8 << 20;

/// What rank 0 tells the others to do.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// To compute a stage with it.
    Stage { key: String, inputs: BTreeMap<String, PathBuf>, checkpoint_every: Duration },
    /// That the run has ended.
    End,
}

impl Order {
    fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|error| Error::bug(format!("cannot tell the other ranks: {error}")))
    }
}

/// Tells the other ranks to compute a stage together with rank 0.
pub(super) fn lead(team: &Team, key: &str, context: &Context<'_>) -> Result<()> {
    let Context { inputs, checkpoint_every, .. } = context;
    let inputs = inputs.iter().map(|(role, path)| (role.clone(), std::path::absolute(path).unwrap_or(path.clone())));
    let order = Order::Stage { key: key.to_owned(), inputs: inputs.collect(), checkpoint_every: *checkpoint_every };
    team.group().broadcast(order.to_bytes()?)?;
    team.begin();
    Ok(())
}

/// Tells the other ranks that the run has ended.
///
/// # Errors
/// Another rank has failed.
pub fn end(team: &Team) -> Result<()> {
    if team.has_others() {
        team.group().broadcast(Order::End.to_bytes()?)?;
    }
    Ok(())
}

/// Computes the stages that rank 0 tells this rank to, without events and without writing to the store, until the run
/// ends.
///
/// # Errors
/// A rank failed; an error that all ranks have is left to rank 0.
pub fn follow(graph: &Graph, team: &Team, interrupted: &AtomicBool) -> Result<()> {
    loop {
        let order = team.group().broadcast(Vec::new())?;
        let order =
            serde_json::from_slice(&order).map_err(|error| Error::bug(format!("an order of rank 0: {error}")))?;
        let Order::Stage { key, inputs, checkpoint_every } = order else { return Ok(()) };
        team.begin();
        match team.end(follow_stage(graph, team, interrupted, &key, (inputs, checkpoint_every))) {
            Err(error) if team.has_ended() => return Err(error),
            _ => {}
        }
    }
}

fn follow_stage(
    graph: &Graph,
    team: &Team,
    interrupted: &AtomicBool,
    key: &str,
    (inputs, checkpoint_every): (BTreeMap<String, PathBuf>, Duration),
) -> Result<()> {
    let id = graph.with_key(key).ok_or_else(|| Error::stage("rank 0 computes a stage that this rank does not have"))?;
    let context = Context {
        stage: graph.name(id).to_owned(),
        output: PathBuf::new(),
        checkpoints: PathBuf::new(),
        checkpoint_every,
        inputs,
        check_inputs: &|| Ok(()),
        events: &NoEvents,
        interrupted,
        halted: &AtomicBool::new(false),
        team,
        measured: &Mutex::default(),
    };
    run_stage(graph.stage(id), &context).map(|_| ())
}

/// Runs `work` as rank 0 of ranks that are threads of this process; the others follow it on the stages of a graph.
///
/// # Errors
/// Those of `work`, or a thread cannot be started.
pub fn with_threads<T>(
    graph: &Graph,
    ranks: usize,
    interrupted: &AtomicBool,
    work: impl FnOnce(&Arc<Team>) -> Result<T>,
) -> Result<T> {
    let mut teams = Threads::group(ranks).into_iter().map(|rank| Team::new(Arc::new(rank)));
    let first = Arc::new(teams.next().unwrap_or_else(Team::alone));
    std::thread::scope(|scope| {
        for (rank, team) in teams.enumerate() {
            let builder = std::thread::Builder::new().name(format!("rank {}", rank + 1)).stack_size(STACK);
            // An error of a follower is known to rank 0, which waits for it.
            let started = builder.spawn_scoped(scope, move || follow(graph, &team, interrupted));
            started.map_err(|error| Error::no_threads("start the thread of a rank", error))?;
        }
        let result = work(&first);
        // Fails if the group has ended already.
        let _ = end(&first);
        result
    })
}
