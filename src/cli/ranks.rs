//! The ranks of a run: threads of this process, or processes that an MPI launcher has started.

mod checks;
mod watchdog;

use super::args::RanksArgument;
use super::failure::Failure;
use super::memory::RanksHere;
use super::{exit_code, output};
use crate::base::{Error, Result, system};
use crate::engine::{self, Graph, RunOptions};
#[cfg(unix)]
use crate::group::{Launcher, Mpi};
use crate::group::{Team, gather_texts};
#[cfg(unix)]
use crate::stages::shared::rank_devices;
use crate::study::DeviceChoice;
use checks::{check, difference, identity, threads_on_gpu};
use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;
use watchdog::watch;

/// What a rank says that could not read the pipeline.
const FAILED: &str = "failed";

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
    /// How gradients are exchanged between GPUs.
    transport: OnceCell<String>,
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
        let mpi = Arc::new(Mpi::join(&launcher, output::print_error)?);
        let (team, has_ended) = (Arc::new(Team::new(mpi.clone())), Cell::new(false));
        Ok(Self::Processes(Processes { mpi, team, launcher, has_ended, transport: OnceCell::new() }))
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

    /// Returns how many of them are on this machine.
    pub(super) fn here(&self) -> RanksHere {
        match self {
            Self::One | Self::Threads(_) => RanksHere::ALL,
            #[cfg(unix)]
            Self::Processes(processes) => RanksHere { here: processes.local() as u64, all: self.count() as u64 },
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
                let (all, own) = (system::cores(), thread::available_parallelism().map_or(1, usize::from));
                let threads = if own < all { own } else { all / processes.local() };
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
            Self::Processes(Processes { mpi, transport, .. }) => {
                let (count, threads) = (self.count(), rayon::current_num_threads());
                let transport = transport.get().map(|transport| format!("; {transport}")).unwrap_or_default();
                output::message(format!(
                    "{count} ranks of {threads} threads, connected by {}{transport}",
                    mpi.library()
                ));
            }
        }
    }

    /// Gives each process a GPU of its own, if that is the device; `choice` is none if this rank could not read the
    /// pipeline.
    ///
    /// # Errors
    /// There are not enough, on all ranks.
    pub(super) fn take_device(&self, choice: Option<DeviceChoice>) -> Result<(), Failure> {
        match self {
            Self::One | Self::Threads(_) => Ok(()),
            #[cfg(unix)]
            Self::Processes(processes) => {
                let assigned = rank_devices::assign(choice, &**processes.team.group());
                let transport = assigned.map_err(|error| self.said_by_first(error))?;
                transport.into_iter().for_each(|transport| processes.transport.set(transport).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Returns the failure for an error that all ranks have, which the first prints.
    fn said_by_first(&self, error: Error) -> Failure {
        if self.is_follower() { Failure::Printed(exit_code::of(error.kind())) } else { error.into() }
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
        let lines = gather_texts(&**group, &format!("{own}\n{}", group.node()))?;
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
        let checked = match self {
            Self::One => return Ok(()),
            Self::Threads(count) if device != "cpu" => Err(threads_on_gpu(*count, device)),
            _ => check(graph, self.count(), jobs),
        };
        checked.map_err(|error| self.said_by_first(error))
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
    /// Returns the number of ranks on this machine: of all, where the launcher does not say.
    fn local(&self) -> usize {
        self.launcher.local.unwrap_or(self.launcher.size).max(1)
    }

    /// Tells the others, once, that the run has ended.
    fn end(&self) {
        if self.team.group().rank() == 0 && !self.has_ended.replace(true) {
            // Fails if another rank has failed, which its message says.
            let _ = engine::end(&self.team);
        }
    }
}
