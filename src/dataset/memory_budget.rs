//! A memory budget shared by all decoding threads: how many large images are decoded at once depends on their size, not
//! on the number of threads.

use crate::base::{Error, Result, human, system};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// Divisor of the available memory: decoding may use one half.
const DECODING_SHARE: u64 = 2;
/// Available memory in bytes to assume if the system does not report it.
const DEFAULT_AVAILABLE: u64 = 8 << 30;

/// The budget of this process: half of the memory that is available on first use.
pub(super) static BUDGET: LazyLock<MemoryBudget> = LazyLock::new(|| {
    let available = system::memory_available().unwrap_or(DEFAULT_AVAILABLE);
    MemoryBudget::new(available / DECODING_SHARE, available)
});

/// A budget of bytes that is granted to reservations in the order of the requests.
pub(super) struct MemoryBudget {
    total: u64,
    available: u64,
    state: Mutex<BudgetState>,
    changed: Condvar,
}

struct BudgetState {
    free: u64,
    /// Ticket of the next request.
    tickets: u64,
    /// Ticket of the request to be granted next.
    turn: u64,
}

/// Reserved bytes; released when dropped.
pub(crate) struct Reservation<'a> {
    budget: &'a MemoryBudget,
    bytes: u64,
}

impl MemoryBudget {
    fn new(total: u64, available: u64) -> Self {
        let state = BudgetState { free: total, tickets: 0, turn: 0 };
        Self { total, available, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Returns the total number of bytes.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Waits until this many bytes are free and reserves them; later requests wait for earlier ones. A request above
    /// the total waits until nothing else is reserved.
    ///
    /// # Errors
    /// The machine has less memory available.
    pub(super) fn reserve(&self, bytes: u64) -> Result<Reservation<'_>> {
        if bytes > self.available {
            let (needs, has) = (human::bytes(bytes), human::bytes(self.available));
            let what = format!("decoding it takes up to {needs} of memory, but only {has} is available");
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
        Ok(Reservation { budget: self, bytes })
    }

    fn state(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation<'_> {
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
    fn reservations_never_exceed_the_budget_and_all_are_granted() {
        let budget = MemoryBudget::new(100, 1000);
        let (reserved, peak) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (budget, reserved, peak) = (&budget, &reserved, &peak);
                scope.spawn(move || {
                    for round in 0..200 {
                        // Some exceed the budget and count as all of it.
                        let bytes = 1 + (thread * 37 + round * 13) % 150;
                        let reservation = budget.reserve(bytes).unwrap();
                        let now = reserved.fetch_add(reservation.bytes, Ordering::SeqCst) + reservation.bytes;
                        peak.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        reserved.fetch_sub(reservation.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        let peak = peak.into_inner();
        assert!(peak <= 100 && peak > 50, "{peak}");
        assert_eq!(budget.state().free, 100);
    }

    #[test]
    fn more_than_the_available_memory_is_an_error() {
        let error = MemoryBudget::new(100, 200).reserve(201).err().unwrap();
        assert!(error.what().contains("201 B") && error.what().contains("200 B"), "{error}");
    }
}
