//! A rank of a run: its group, and whether the others wait for it.

use crate::base::{Error, Result};
use crate::group::{Alone, Heartbeat, SharedGroup};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The group of a run, and what the others expect of this rank in the stage that they compute together.
#[derive(Debug)]
pub struct Team {
    group: SharedGroup,
    /// Whether the others no longer wait for this rank in the stage: they have finished it or have its error too.
    is_released: AtomicBool,
    /// Whether the group has ended because of an error.
    has_ended: AtomicBool,
    heartbeat: Heartbeat,
}

impl Team {
    /// Creates a rank of a run.
    pub fn new(group: SharedGroup) -> Self {
        Self {
            group,
            is_released: AtomicBool::new(true),
            has_ended: AtomicBool::new(false),
            heartbeat: Heartbeat::default(),
        }
    }

    /// Returns the team of a run by a single rank.
    pub fn alone() -> Self {
        Self::new(Arc::new(Alone))
    }

    /// Returns the group.
    pub fn group(&self) -> &SharedGroup {
        &self.group
    }

    /// Returns whether there are other ranks.
    pub fn has_others(&self) -> bool {
        self.group.size() > 1
    }

    /// Returns the rank's steps, by which a watchdog knows that another rank hangs.
    pub fn heartbeat(&self) -> &Heartbeat {
        &self.heartbeat
    }

    /// Begins a stage that all ranks compute.
    pub fn begin(&self) {
        self.is_released.store(false, Ordering::Relaxed);
    }

    /// Marks the stage as finished by all ranks, or its error as one that all have.
    pub fn release(&self) {
        self.is_released.store(true, Ordering::Relaxed);
        self.heartbeat.reset();
    }

    /// Ends a stage: if it failed on this rank alone, the group ends with it.
    ///
    /// # Errors
    /// The result.
    pub fn end<T>(&self, result: Result<T>) -> Result<T> {
        self.heartbeat.reset();
        if let Err(error) = &result
            && !self.is_released.swap(true, Ordering::Relaxed)
        {
            self.has_ended.store(true, Ordering::Relaxed);
            self.group.fail(error);
        }
        result
    }

    /// Returns whether the group has ended because of an error.
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Runs `work` on rank 0 and returns its result on every rank, numbers that all compute with.
    ///
    /// # Errors
    /// Those of `work`, on every rank, or another rank failed.
    pub fn on_first(&self, work: impl FnOnce() -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        if !self.has_others() {
            return work();
        }
        let result = if self.group.rank() == 0 { Some(work()) } else { None };
        let failed = matches!(result, Some(Err(_)));
        let numbers = result.as_ref().and_then(|result| result.as_ref().ok());
        let message = [&[u8::from(failed)], bytemuck::cast_slice(numbers.map_or(&[][..], Vec::as_slice))].concat();
        let message = self.group.broadcast(message)?;
        if message.first() == Some(&1) {
            self.release();
            return result.unwrap_or_else(|| Err(Error::stage("rank 0 failed")));
        }
        let numbers = message[1..].chunks_exact(size_of::<f64>());
        Ok(numbers.map(|bytes| f64::from_ne_bytes(std::array::from_fn(|i| bytes[i]))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::Threads;
    use std::thread;

    fn on_two<T: Send>(work: impl Fn(&Team) -> T + Sync) -> Vec<T> {
        thread::scope(|scope| {
            let ranks = Threads::group(2).into_iter().map(|rank| scope.spawn(|| work(&Team::new(Arc::new(rank)))));
            ranks.collect::<Vec<_>>().into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn what_rank_0_computes_is_known_to_all() {
        let numbers = on_two(|team| team.on_first(|| Ok(vec![0.25, team.group().rank() as f64])).unwrap());
        assert_eq!(numbers, [[0.25, 0.0], [0.25, 0.0]]);
        let errors = on_two(|team| {
            team.begin();
            let result = team.on_first(|| Err(Error::stage("no validation images")));
            team.end(result).unwrap_err().what().to_owned()
        });
        assert_eq!(errors, ["no validation images", "rank 0 failed"]);
    }

    #[test]
    fn an_error_of_one_rank_alone_ends_the_group() {
        let errors = on_two(|team| {
            team.begin();
            if team.group().rank() == 1 {
                return team.end::<()>(Err(Error::stage("broken"))).unwrap_err().what().to_owned();
            }
            team.group().all_gather(&[1]).unwrap_err().what().to_owned()
        });
        assert_eq!(errors, ["rank 1 failed: broken", "broken"]);
    }
}
