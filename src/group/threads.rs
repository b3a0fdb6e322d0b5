//! Ranks that are threads of one process.

use crate::base::{Error, Result};
use crate::group::clock::CallClock;
use crate::group::{Group, of_rank};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A rank that is a thread of this process. A rank that is dropped, also by a panic, ends the group for the others that
/// wait for it.
#[derive(Debug)]
pub struct Threads {
    rank: usize,
    meeting: Arc<Meeting>,
    clock: CallClock,
}

/// What every rank has sent, in the order of the ranks.
type Sent = Arc<Vec<Vec<u8>>>;

/// Where ranks meet: each brings bytes, and leaves with those of all.
#[derive(Debug)]
struct Meeting {
    size: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Number of finished exchanges.
    finished: u64,
    /// What the ranks have brought to the current exchange.
    brought: Vec<Option<Vec<u8>>>,
    /// The last finished exchange.
    last: Sent,
    /// Why the group has ended.
    ended: Option<Error>,
}

impl Threads {
    /// Creates a group; each rank is moved to its thread.
    pub fn group(size: usize) -> Vec<Self> {
        let state = State { brought: vec![None; size], ..State::default() };
        let meeting = Arc::new(Meeting { size, state: Mutex::new(state), changed: Condvar::new() });
        (0..size).map(|rank| Self { rank, meeting: meeting.clone(), clock: CallClock::default() }).collect()
    }

    fn exchange(&self, mine: Vec<u8>) -> Result<Sent> {
        let mut state = self.meeting.state();
        if let Some(error) = &state.ended {
            return Err(error.clone());
        }
        let exchange = state.finished;
        state.brought[self.rank] = Some(mine);
        if state.brought.iter().all(Option::is_some) {
            state.last = Arc::new(state.brought.iter_mut().filter_map(Option::take).collect());
            state.finished += 1;
            self.meeting.changed.notify_all();
            return Ok(state.last.clone());
        }
        while state.finished == exchange {
            if let Some(error) = &state.ended {
                return Err(error.clone());
            }
            state = self.meeting.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // The next exchange needs this rank, so it has not finished yet.
        Ok(state.last.clone())
    }
}

impl Meeting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, error: Error) {
        self.state().ended.get_or_insert(error);
        self.changed.notify_all();
    }
}

impl Group for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.meeting.size
    }

    fn node(&self) -> String {
        format!("thread {}", self.rank)
    }

    fn all_gather(&self, mine: &[u8]) -> Result<Vec<u8>> {
        Ok(self.clock.time(|| self.exchange(mine.to_vec()))?.concat())
    }

    fn all_to_all(&self, mine: &[u8]) -> Result<Vec<u8>> {
        let piece = mine.len() / self.size();
        let own = self.rank * piece..(self.rank + 1) * piece;
        let sent = self.clock.time(|| self.exchange(mine.to_vec()))?;
        Ok(sent.iter().flat_map(|sent| &sent[own.clone()]).copied().collect())
    }

    fn broadcast(&self, mine: Vec<u8>) -> Result<Vec<u8>> {
        let mine = if self.rank == 0 { mine } else { Vec::new() };
        Ok(self.exchange(mine)?[0].clone())
    }

    fn exchange_seconds(&self) -> f64 {
        self.clock.seconds()
    }

    fn fail(&self, error: &Error) {
        self.meeting.end(of_rank(&format!("rank {}", self.rank), error));
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.meeting.end(Error::bug(format!("rank {} ended before the others", self.rank)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    /// Runs `work` on every rank; returns its results in the order of the ranks.
    fn on_ranks<T: Send>(size: usize, work: impl Fn(Threads) -> T + Sync) -> Vec<thread::Result<T>> {
        thread::scope(|scope| {
            let ranks: Vec<_> = Threads::group(size).into_iter().map(|rank| scope.spawn(|| work(rank))).collect();
            ranks.into_iter().map(thread::ScopedJoinHandle::join).collect()
        })
    }

    #[test]
    fn every_rank_gets_the_bytes_of_all_in_order() {
        for size in [1, 2, 3, 8] {
            let results = on_ranks(size, |group| {
                let rank = group.rank() as u8;
                let mut all = Vec::new();
                for round in 0..20 {
                    all.push(group.all_gather(&[rank, round]).unwrap());
                    all.push(group.broadcast(vec![rank, round]).unwrap());
                }
                let pieces: Vec<u8> = (0..group.size() as u8).flat_map(|to| [rank, to]).collect();
                (all, group.all_to_all(&pieces).unwrap(), rank)
            });
            for (all, pieces, rank) in results.into_iter().map(Result::unwrap) {
                for (round, pair) in all.chunks(2).enumerate() {
                    let expected: Vec<u8> = (0..size as u8).flat_map(|rank| [rank, round as u8]).collect();
                    assert_eq!((&pair[0], &pair[1]), (&expected, &vec![0, round as u8]));
                }
                assert_eq!(pieces, (0..size as u8).flat_map(|from| [from, rank]).collect::<Vec<u8>>());
            }
        }
    }

    #[test]
    fn a_late_rank_is_waited_for() {
        let results = on_ranks(3, |group| {
            if group.rank() == 1 {
                thread::sleep(Duration::from_millis(100));
            }
            group.all_gather(&[7]).unwrap()
        });
        assert!(results.into_iter().all(|result| result.unwrap() == [7, 7, 7]));
    }

    #[test]
    fn the_error_of_one_rank_ends_the_others() {
        let results = on_ranks(4, |group| {
            if group.rank() == 2 {
                group.fail(&Error::stage("cannot read an image").at("a.png").help("remove it"));
                return String::new();
            }
            group.all_gather(&[0]).unwrap_err().to_string()
        });
        let texts: Vec<String> = results.into_iter().map(Result::unwrap).collect();
        assert_eq!(texts.iter().filter(|text| text.contains("a.png: rank 2 failed: cannot read an image")).count(), 3);
    }

    #[test]
    fn a_rank_that_panics_ends_the_others() {
        let results = on_ranks(3, |group| {
            assert_ne!(group.rank(), 0, "a panic of this test");
            group.all_gather(&[0]).unwrap_err().what().to_owned()
        });
        let texts: Vec<String> = results.into_iter().filter_map(Result::ok).collect();
        assert_eq!(texts, ["rank 0 ended before the others"; 2]);
    }
}
