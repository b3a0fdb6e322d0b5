//! One budget of memory for all threads that decode: how many large images are in work at once depends on their size,
//! not on the number of threads.

use crate::base::{Error, Result, human, system};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// Part of the available memory that decoding may take.
const SHARE: u64 = 2;
/// What is taken to be available where the system does not tell.
const UNKNOWN: u64 = 8 << 30;

/// The budget of this process: half of the memory that was available when it was asked for first.
pub(super) static BUDGET: LazyLock<MemoryBudget> = LazyLock::new(|| {
    let available = system::memory_available().unwrap_or(UNKNOWN);
    MemoryBudget::new(available / SHARE, available)
});

/// Bytes that are lent to those who ask, in the order in which they ask.
pub(super) struct MemoryBudget {
    total: u64,
    available: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: u64,
    /// Number of the next one who asks, and of the one whose turn it is.
    tickets: u64,
    turn: u64,
}

/// Bytes on loan; given back when dropped.
pub(crate) struct Loan<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
}

impl MemoryBudget {
    fn new(total: u64, available: u64) -> Self {
        let state = State { free: total, tickets: 0, turn: 0 };
        Self { total, available, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// All of it.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Waits for this many bytes; nobody who asks later gets any before. Who needs more than all of the budget waits
    /// until nothing is lent.
    ///
    /// # Errors
    /// The machine does not have as much.
    pub(super) fn take(&self, bytes: u64) -> Result<Loan<'_>> {
        if bytes > self.available {
            let (needs, has) = (human::bytes(bytes), human::bytes(self.available));
            let what = format!("decoding it takes up to {needs} of memory, and {has} are available");
            return Err(Error::stage(what).help("make the image smaller, or use a machine with more memory"));
        }
        let bytes = bytes.min(self.total);
        let mut state = self.state();
        let ticket = state.tickets;
        state.tickets += 1;
        while state.turn != ticket || state.free < bytes {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.turn += 1;
        state.free -= bytes;
        self.changed.notify_all();
        Ok(Loan { budget: self, bytes })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.budget.state().free += self.bytes;
        self.budget.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_than_the_budget_is_lent_at_a_time_and_all_get_their_turn() {
        let budget = MemoryBudget::new(100, 1000);
        let (lent, most) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (budget, lent, most) = (&budget, &lent, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        // Some larger than the budget: they count as all of it.
                        let bytes = 1 + (thread * 37 + round * 13) % 150;
                        let loan = budget.take(bytes).unwrap();
                        let now = lent.fetch_add(loan.bytes, Ordering::SeqCst) + loan.bytes;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        lent.fetch_sub(loan.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!(most <= 100 && most > 50, "{most}");
        assert_eq!(budget.state().free, 100);
    }

    #[test]
    fn what_the_machine_does_not_have_is_an_error() {
        let error = MemoryBudget::new(100, 200).take(201).err().unwrap();
        assert!(error.what().contains("201 B") && error.what().contains("200 B"), "{error}");
    }
}
