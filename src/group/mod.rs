//! Groups of ranks: the threads or processes that share the work of one training run, what they exchange, and sums whose
//! order does not depend on how many they are.
//!
//! A batch is cut into shards, a power of two. Each rank computes an aligned block of them, and every sum over rows is
//! added along one binary tree over all shards ([`TreeSum`]), of which a rank adds its subtree. So 1, 2, 4 or 8 ranks give
//! the same bytes.
//!
//! ```
//! use simclr::group::{Group, Threads};
//! use std::thread;
//!
//! let sums = thread::scope(|scope| {
//!     let ranks: Vec<_> = Threads::group(4).into_iter().map(|rank| {
//!         scope.spawn(move || rank.all_gather(&[rank.rank() as u8]))
//!     }).collect();
//!     ranks.into_iter().map(|rank| rank.join().unwrap()).collect::<Result<Vec<_>, _>>()
//! })?;
//! assert_eq!(sums, vec![vec![0, 1, 2, 3]; 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alone;
mod clock;
mod exchange;
mod heartbeat;
#[cfg(unix)]
mod mpi;
mod sharding;
mod team;
mod threads;
mod tree;

pub use alone::Alone;
pub(crate) use exchange::gather_texts;
pub use heartbeat::Heartbeat;
#[cfg(unix)]
pub use mpi::{Launcher, Mpi};
pub(crate) use sharding::add_numbers;
pub use sharding::{ShardedBatch, Sharding};
pub use team::Team;
pub use threads::Threads;
pub use tree::TreeSum;

use crate::base::{Error, Result};
use std::fmt::Debug;
use std::sync::Arc;

/// One rank's connection to the others. All ranks call the same methods in the same order.
///
/// A method fails if another rank has ended or failed; the group cannot be used afterwards.
#[expect(clippy::missing_errors_doc, reason = "documented once, above")]
pub trait Group: Debug + Send + Sync {
    /// Returns the number of this rank, from 0.
    fn rank(&self) -> usize;

    /// Returns the number of ranks.
    fn size(&self) -> usize;

    /// Returns a name of the machine, for messages.
    fn node(&self) -> String;

    /// Returns the bytes of every rank, equally many, in the order of the ranks.
    fn all_gather(&self, mine: &[u8]) -> Result<Vec<u8>>;

    /// Sends an equal piece of `mine` to every rank; returns the pieces for this rank in the order of the ranks.
    fn all_to_all(&self, mine: &[u8]) -> Result<Vec<u8>>;

    /// Returns the bytes of rank 0; those of other ranks are ignored. May wait for hours without using a processor.
    fn broadcast(&self, mine: Vec<u8>) -> Result<Vec<u8>>;

    /// Returns the seconds that this rank has spent in exchanges other than broadcasts, waiting for others included.
    fn exchange_seconds(&self) -> f64 {
        0.0
    }

    /// Ends the group because of an error of this rank that the others do not have. Ranks of other processes are ended
    /// with them and their launcher.
    fn fail(&self, error: &Error);
}

/// A rank's connection that its parts share.
pub type SharedGroup = Arc<dyn Group>;

/// Returns the group of a single rank.
pub fn alone() -> SharedGroup {
    Arc::new(Alone)
}

/// Returns the error of one rank as the others see it.
fn of_rank(rank: &str, error: &Error) -> Error {
    let of_rank = Error::new(error.kind(), format!("{rank} failed: {}", error.what()));
    let of_rank = error.place().into_iter().fold(of_rank, Error::at);
    error.next_step().into_iter().fold(of_rank, Error::help)
}
