//! Ranks that are processes, connected by an MPI library that is opened at run time, so that building needs none and one
//! binary works with Open MPI and with MPICH and its relatives.

mod calls;
mod launcher;
mod library;

pub use launcher::Launcher;

use crate::base::{Error, ErrorKind, Result};
use crate::group::clock::CallClock;
use crate::group::{Group, of_rank};
use calls::Calls;
use std::ffi::{c_int, c_void};
use std::thread;
use std::time::{Duration, Instant};

/// Maximum number of bytes of one message; MPI counts in `int`.
const MAX_BYTES: usize = 1 << 30;
/// How long a wait spins before it sleeps.
const SPIN: Duration = Duration::from_millis(2);
/// Longest sleep of a wait.
const MAX_NAP: Duration = Duration::from_millis(20);

/// How long the launcher has to forward the message of a rank that ends all.
const FORWARD: Duration = Duration::from_millis(300);

/// A rank that is a process of an MPI job.
pub struct Mpi {
    calls: Box<dyn Calls>,
    /// What the library calls itself.
    library: String,
    node: String,
    rank: usize,
    size: usize,
    clock: CallClock,
    /// Says why this rank ends the others.
    report: fn(&Error),
}

impl std::fmt::Debug for Mpi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} of {} ({})", self.rank, self.size, self.library)
    }
}

impl Mpi {
    /// Opens the library that the launcher suits and joins the job. `report` gets the error because of which this rank ends
    /// all, itself included.
    ///
    /// # Errors
    /// No library can be opened, or it sees another number of ranks than the launcher has started.
    pub fn join(launcher: &Launcher, report: fn(&Error)) -> Result<Self> {
        let calls = library::open(launcher)?;
        calls.init().map_err(|code| failed("MPI_Init_thread", code))?;
        let (rank, size) = calls.place().map_err(|code| failed("MPI_Comm_rank", code))?;
        let (library, node) = (calls.library_version(), calls.processor_name());
        let mpi = Self { calls, library, node, rank, size, clock: CallClock::default(), report };
        if launcher.size != size {
            let error = mpi.wrong_launcher(launcher);
            mpi.leave();
            return Err(error);
        }
        Ok(mpi)
    }

    /// Returns the name and version of the library: `Open MPI v4.1.4`.
    pub fn library(&self) -> String {
        let line = self.library.lines().next().unwrap_or_default();
        let name = line.split(',').next().unwrap_or_default();
        name.split_whitespace().filter(|word| *word != "Version:").collect::<Vec<_>>().join(" ")
    }

    /// Leaves the job; all ranks do, and no other call may follow.
    pub fn leave(&self) {
        self.calls.finalize();
    }

    /// A launcher of one library with the other starts processes that each believe to be alone, and each would compute
    /// the whole run.
    fn wrong_launcher(&self, launcher: &Launcher) -> Error {
        let Launcher { name, size, .. } = launcher;
        let what = format!("{name} started {size} ranks, but {} sees {}", self.library(), self.size);
        Error::usage(what).help(
            "use the launcher of the same MPI (`mpirun.openmpi` or `mpirun.mpich`; under Slurm `srun --mpi=pmix` for Open \
             MPI, `srun --mpi=pmi2` for MPICH), or name the library that suits the launcher in SIMCLR_MPI",
        )
    }

    fn check(&self, bytes: usize) -> Result<c_int> {
        match c_int::try_from(bytes) {
            Ok(count) if bytes <= MAX_BYTES => Ok(count),
            _ => Err(Error::bug(format!("a message of {bytes} bytes is larger than MPI's"))),
        }
    }

    /// Broadcasts bytes of rank 0, of the same length on all ranks, without using a processor while it waits.
    fn broadcast_exact(&self, bytes: &mut [u8]) -> Result<()> {
        for part in bytes.chunks_mut(MAX_BYTES) {
            let count = self.check(part.len())?;
            let (start, mut nap) = (Instant::now(), Duration::from_micros(50));
            let mut pending = self.calls.begin_broadcast(part.as_mut_ptr().cast::<c_void>(), count);
            while !pending.is_done().map_err(|code| failed("MPI_Ibcast", code))? {
                if start.elapsed() < SPIN {
                    thread::yield_now();
                } else {
                    thread::sleep(nap);
                    nap = (2 * nap).min(MAX_NAP);
                }
            }
        }
        Ok(())
    }
}

fn failed(call: &str, code: c_int) -> Error {
    Error::stage(format!("{call} failed with code {code}"))
}

impl Group for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn node(&self) -> String {
        self.node.clone()
    }

    fn all_gather(&self, mine: &[u8]) -> Result<Vec<u8>> {
        let count = self.check(mine.len())?;
        let mut all = vec![0; mine.len() * self.size];
        let (from, to) = (mine.as_ptr().cast::<c_void>(), all.as_mut_ptr().cast::<c_void>());
        self.clock.time(|| self.calls.all_gather(from, count, to)).map_err(|code| failed("MPI_Allgather", code))?;
        Ok(all)
    }

    fn all_to_all(&self, mine: &[u8]) -> Result<Vec<u8>> {
        let count = self.check(mine.len() / self.size)?;
        let mut all = vec![0; mine.len() / self.size * self.size];
        let (from, to) = (mine.as_ptr().cast::<c_void>(), all.as_mut_ptr().cast::<c_void>());
        self.clock.time(|| self.calls.all_to_all(from, count, to)).map_err(|code| failed("MPI_Alltoall", code))?;
        Ok(all)
    }

    fn broadcast(&self, mine: Vec<u8>) -> Result<Vec<u8>> {
        let mut length = (mine.len() as u64).to_le_bytes();
        self.broadcast_exact(&mut length)?;
        let length = usize::try_from(u64::from_le_bytes(length)).unwrap_or_default();
        let mut bytes = if self.rank == 0 { mine } else { vec![0; length] };
        self.broadcast_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn exchange_seconds(&self) -> f64 {
        self.clock.seconds()
    }

    fn fail(&self, error: &Error) {
        (self.report)(&of_rank(&format!("rank {} on {}", self.rank, self.node), error));
        // The launcher ends all ranks at once and drops what it has not read of their messages (MPICH).
        thread::sleep(FORWARD);
        let code = if error.kind() == ErrorKind::Usage { 2 } else { 3 };
        self.calls.abort(code);
    }
}
