//! The ranks of a run: threads of this process, or processes that an MPI launcher has started.

use super::args::RanksArgument;
use super::failure::Failure;
use super::{exit_code, output};
use crate::base::{Error, Result, human, matmul, system};
use crate::engine::{self, Graph, RunOptions};
use crate::group::Team;
#[cfg(unix)]
use crate::group::{Launcher, Mpi};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

/// Bytes of what a rank says of itself at the start.
const LINE: usize = 512;
/// What a rank says that could not read the pipeline.
const FAILED: &str = "failed";
/// How often the watchdog looks.
const WATCH: Duration = Duration::from_millis(500);

/// The ranks of a run.
pub(super) enum Ranks {
    /// One rank.
    One,
    /// Threads of this process.
    Threads(usize),
    /// Processes.
    #[cfg(unix)]
    Processes(Processes),
}

/// This process among those of an MPI job.
#[cfg(unix)]
pub(super) struct Processes {
    mpi: Arc<Mpi>,
    team: Arc<Team>,
    launcher: Launcher,
    /// Whether the others know that the run has ended.
    has_ended: Cell<bool>,
}

impl Ranks {
    /// Joins the ranks that an option asks for.
    pub(super) fn join(choice: Option<RanksArgument>) -> Result<Self> {
        match choice {
            None | Some(RanksArgument::Count(1)) => Ok(Self::One),
            Some(RanksArgument::Count(count)) => Ok(Self::Threads(usize::from(count))),
            Some(RanksArgument::Auto) => Self::launched(),
        }
    }

    #[cfg(unix)]
    fn launched() -> Result<Self> {
        let Some(launcher) = Launcher::detect().filter(|launcher| launcher.size > 1) else { return Ok(Self::One) };
        let mpi = Arc::new(Mpi::join(&launcher)?);
        let team = Arc::new(Team::new(mpi.clone()));
        Ok(Self::Processes(Processes { mpi, team, launcher, has_ended: Cell::new(false) }))
    }

    #[cfg(not(unix))]
    fn launched() -> Result<Self> {
        Err(Error::usage("ranks that are processes need Linux or macOS").help("use `--ranks N`"))
    }

    /// Returns the number of ranks.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::One => 1,
            Self::Threads(count) => *count,
            #[cfg(unix)]
            Self::Processes(processes) => processes.team.group().size(),
        }
    }

    /// Returns whether another process runs the engine.
    pub(super) fn is_follower(&self) -> bool {
        match self {
            Self::One | Self::Threads(_) => false,
            #[cfg(unix)]
            Self::Processes(processes) => processes.team.group().rank() > 0,
        }
    }

    /// Returns the number of worker threads of this process, if the user has not chosen it: an equal part of the cores,
    /// unless the launcher has divided them already.
    pub(super) fn threads(&self, chosen: Option<u16>) -> Option<u16> {
        match self {
            Self::One | Self::Threads(_) => chosen,
            #[cfg(unix)]
            Self::Processes(processes) => chosen.or_else(|| {
                let local = processes.launcher.local.unwrap_or(processes.launcher.size);
                let (all, own) = (system::cores(), thread::available_parallelism().map_or(1, usize::from));
                let threads = if own < all { own } else { all / local };
                u16::try_from(threads.max(1)).ok()
            }),
        }
    }

    /// Says what the ranks are.
    pub(super) fn announce(&self) {
        match self {
            Self::One => {}
            Self::Threads(count) => output::message(format!("{count} ranks, threads of this process")),
            #[cfg(unix)]
            Self::Processes(Processes { mpi, .. }) => {
                let (count, threads) = (self.count(), rayon::current_num_threads());
                output::message(format!("{count} ranks of {threads} threads, connected by {}", mpi.library()));
            }
        }
    }

    /// Checks that all ranks have read the same pipeline with the same program on processors of one kind; `graph` is none
    /// if this rank could not read it.
    ///
    /// # Errors
    /// They have not. A rank that could not read it gets no error, unless the first could not either and says why.
    pub(super) fn compare(&self, graph: Option<&Graph>) -> Result<(), Failure> {
        let count = self.count();
        let group = match self {
            Self::One | Self::Threads(_) => return Ok(()),
            #[cfg(unix)]
            Self::Processes(processes) => processes.team.group(),
        };
        let own = graph.map_or_else(|| FAILED.to_owned(), identity);
        let mut line = format!("{own}\n{}", group.node()).into_bytes();
        line.resize(LINE, 0);
        let all = group.all_gather(&line)?;
        let lines: Vec<String> = all
            .chunks_exact(LINE)
            .map(|line| String::from_utf8_lossy(line).trim_end_matches('\0').to_owned())
            .collect();
        let parts = |rank: usize| lines[rank].split_once('\n').unwrap_or((&lines[rank], ""));
        let first = parts(0).0;
        let Some(other) = (0..count).find(|rank| parts(*rank).0 == FAILED || parts(*rank).0 != first) else {
            return Ok(());
        };
        match (own == FAILED, first == FAILED, self.is_follower()) {
            (true, false, _) | (true, _, false) => Ok(()),
            (_, _, true) => Err(Failure::Printed(exit_code::USAGE)),
            _ => Err(difference(first, other, parts(other)).into()),
        }
    }

    /// Checks that the ranks can divide the stages of a graph.
    ///
    /// # Errors
    /// They cannot.
    pub(super) fn check(&self, graph: &Graph, jobs: u16, device: &str) -> Result<(), Failure> {
        let checked = match self.count() {
            1 => return Ok(()),
            count => check(graph, count, jobs, device),
        };
        checked.map_err(|error| if self.is_follower() { Failure::Printed(exit_code::USAGE) } else { error.into() })
    }

    /// Runs the engine, which the other ranks follow; `work` gets options with this rank's team.
    pub(super) fn run<T>(
        &self,
        graph: &Graph,
        (options, step_timeout): (&RunOptions, Duration),
        interrupted: &AtomicBool,
        work: impl FnOnce(&RunOptions) -> Result<T>,
    ) -> Result<T> {
        let with = |team: &Arc<Team>| RunOptions { team: team.clone(), ..options.clone() };
        match self {
            Self::One => work(options),
            Self::Threads(count) => engine::with_threads(graph, *count, interrupted, |team| {
                watch(team, step_timeout)?;
                work(&with(team))
            }),
            #[cfg(unix)]
            Self::Processes(processes) => {
                watch(&processes.team, step_timeout)?;
                let result = work(&with(&processes.team));
                processes.end();
                result
            }
        }
    }

    /// Follows the first rank until the run ends.
    pub(super) fn follow(&self, graph: &Graph, step_timeout: Duration, interrupted: &AtomicBool) -> Result<()> {
        match self {
            Self::One | Self::Threads(_) => Ok(()),
            #[cfg(unix)]
            Self::Processes(Processes { team, .. }) => {
                watch(team, step_timeout)?;
                engine::follow(graph, team, interrupted)
            }
        }
    }

    /// Leaves the job at the end of the process. A failure is printed first: the launcher may end all ranks when the first
    /// one exits.
    pub(super) fn leave<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        #[cfg(unix)]
        if let Self::Processes(processes) = self {
            let result = result.map_err(|failure| {
                output::print_failure(&failure);
                Failure::Printed(failure.exit_code())
            });
            processes.end();
            // All have printed what they have to say. Fails if another rank has failed.
            let _ = processes.team.group().all_gather(&[0]);
            processes.mpi.leave();
            return result;
        }
        result
    }
}

#[cfg(unix)]
impl Processes {
    /// Tells the others, once, that the run has ended.
    fn end(&self) {
        if self.team.group().rank() == 0 && !self.has_ended.replace(true) {
            // Fails if another rank has failed, which its message says.
            let _ = engine::end(&self.team);
        }
    }
}

/// Returns what must be the same on all ranks.
fn identity(graph: &Graph) -> String {
    let mut keys = blake3::Hasher::new();
    graph.iter().for_each(|id| {
        keys.update(graph.key(id).as_bytes());
    });
    let keys = keys.finalize().to_hex();
    let (version, architecture, kernels) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH, matmul::kernels());
    format!("simclr {version}; {architecture}, {kernels}; pipeline {}", &keys[..12])
}

fn difference(first: &str, rank: usize, (other, node): (&str, &str)) -> Error {
    if other == FAILED {
        let what = format!("rank {rank} on {node} cannot read the pipeline or its data; its message says why");
        return Error::usage(what)
            .help("every node needs the file, the data and the output directory under the same path");
    }
    let what = format!("rank 0 is \"{first}\", but rank {rank} on {node} is \"{other}\"");
    Error::usage(what).help(
        "ranks give the same bytes only with the same program and pipeline on processors of one kind: choose nodes of one \
         kind (Slurm: --constraint)",
    )
}

fn check(graph: &Graph, ranks: usize, jobs: u16, device: &str) -> Result<()> {
    if jobs > 1 {
        return Err(Error::usage("`--jobs` cannot be combined with `--ranks`").help("leave out --jobs"));
    }
    if device != "cpu" {
        let what = format!("several ranks cannot train on {device} yet");
        return Err(Error::usage(what).help("use one rank per GPU job, or `--device cpu`"));
    }
    let sharded =
        || graph.iter().map(|id| (graph.name(id), graph.stage(id).shards())).filter(|(_, shards)| *shards > 1);
    if sharded().next().is_none() {
        let what = format!("nothing in the pipeline can be divided among {ranks} ranks");
        let help = format!("set `shards = {}` in a pretrain or supervised table", ranks.next_power_of_two());
        return Err(Error::usage(what).help(help));
    }
    match sharded().find(|(_, shards)| !shards.is_multiple_of(ranks)) {
        Some((name, shards)) => {
            let error = Error::usage(format!("{ranks} ranks cannot divide {shards} shards equally")).at(name);
            Err(error.help(format!("start 1 to {shards} ranks, a power of two, or change `shards`")))
        }
        None => Ok(()),
    }
}

/// Starts a thread that ends the process if a step takes so long that another rank must have died or hangs.
fn watch(team: &Arc<Team>, step_timeout: Duration) -> Result<()> {
    let team = team.clone();
    let watch = move || loop {
        thread::sleep(WATCH);
        if let Some((step, elapsed)) = team.heartbeat().overdue(step_timeout) {
            let (rank, node, time) = (team.group().rank(), team.group().node(), human::duration(elapsed));
            output::message(format!(
                "error: step {step} has taken {time} on rank {rank} ({node}): another rank hangs or has died; run again to \
                 resume from the last checkpoint"
            ));
            end_now();
        }
    };
    let started = thread::Builder::new().name("watchdog".to_owned()).spawn(watch);
    started.map(|_| ()).map_err(|error| Error::no_threads("start a thread", error))
}

/// Ends the process without the exit handlers of libraries, which would wait for other ranks.
#[cfg(unix)]
fn end_now() -> ! {
    // SAFETY: `_exit` accepts any status and does not return.
    unsafe { libc::_exit(i32::from(exit_code::HUNG)) }
}

#[cfg(not(unix))]
fn end_now() -> ! {
    std::process::exit(i32::from(exit_code::HUNG))
}
