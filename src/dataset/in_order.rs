//! A parallel map over a list whose results are consumed one by one, in the order of the list.

use crate::base::{Error, Result};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Results per thread that may be in progress or waiting to be taken: enough that a slow item seldom blocks the others.
const RESULTS_PER_THREAD: usize = 4;

/// The index of an item, and its result or the panic of `work`.
type WorkResult<R> = (usize, thread::Result<R>);

/// Calls `work` for each item on as many threads as the pool has, and `take` on this thread with the results, in order.
///
/// Results are recycled, so memory is allocated only at the start, and the threads run at most a few items ahead of
/// `take`. There are no barriers between chunks of the list.
///
/// # Errors
/// The first error of `take`, which stops the work, or no thread can be started; if only some can, they do all the
/// work.
pub(super) fn in_order<I: Sync, R: Default + Send>(
    items: &[I],
    work: impl Fn(&I, &mut R) + Sync,
    take: impl FnMut(&I, &R) -> Result<()>,
) -> Result<()> {
    let threads = rayon::current_num_threads();
    let (recycle, buffers) = channel();
    (0..RESULTS_PER_THREAD * threads).try_for_each(|_| recycle.send(R::default())).ok();
    // One lock for both, so that the next item always has a buffer for its result.
    let queue = Mutex::new(items.iter().enumerate().zip(buffers));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (sender, results) = channel();
    thread::scope(|scope| {
        for number in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            let started = thread::Builder::new().spawn_scoped(scope, move || {
                while let Some(((index, item), mut result)) = next() {
                    let outcome = catch_unwind(AssertUnwindSafe(|| work(item, &mut result)));
                    if sender.send((index, outcome.map(|()| result))).is_err() {
                        break; // The consumer has stopped.
                    }
                }
            });
            match started {
                Ok(_) => {}
                Err(error) if number == 0 => return Err(Error::no_threads("start a thread", error)),
                Err(_) => break,
            }
        }
        drop(sender);
        deliver(items, results, recycle, take)
    })
}

/// Calls `take` with the results in the order of their items. Returning closes the channels, which ends the threads.
fn deliver<I, R>(
    items: &[I],
    results: Receiver<WorkResult<R>>,
    recycle: Sender<R>,
    mut take: impl FnMut(&I, &R) -> Result<()>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    let mut items = items.iter().enumerate().peekable();
    for (index, result) in results {
        early.insert(index, result.unwrap_or_else(|panic| resume_unwind(panic)));
        while let Some((item, result)) = items.peek().and_then(|(next, item)| Some((item, early.remove(next)?))) {
            take(item, &result)?;
            items.next();
            let _ = recycle.send(result); // Fails only if no items are left.
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn results_come_in_order_and_are_recycled() {
        for threads in [1, 2, 5] {
            let (items, made) = ((0..300).collect::<Vec<usize>>(), AtomicUsize::new(0));
            let mut taken = Vec::new();
            let work = |&item: &usize, result: &mut (usize, Option<usize>)| {
                if item % 40 == 0 {
                    thread::sleep(Duration::from_millis(3)); // The others run ahead.
                }
                result.0 = item * item;
                result.1.get_or_insert_with(|| made.fetch_add(1, Ordering::Relaxed));
            };
            let take = |&item: &usize, result: &(usize, Option<usize>)| {
                taken.push((item, result.0));
                Ok(())
            };
            with_threads(threads, || in_order(&items, work, take)).unwrap();
            assert_eq!(taken, items.iter().map(|&item| (item, item * item)).collect::<Vec<_>>());
            assert!(made.into_inner() <= RESULTS_PER_THREAD * threads);
        }
    }

    #[test]
    fn an_error_stops_the_work() {
        let worked = AtomicUsize::new(0);
        let work = |_: &usize, _: &mut ()| {
            worked.fetch_add(1, Ordering::Relaxed);
        };
        let take = |&item: &usize, (): &()| if item < 20 { Ok(()) } else { Err(Error::stage("stop")) };
        let items: Vec<usize> = (0..10_000).collect();
        let error = with_threads(2, || in_order(&items, work, take)).unwrap_err();
        assert_eq!(error.what(), "stop");
        assert!(worked.into_inner() <= 21 + 2 * RESULTS_PER_THREAD);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let work = |&item: &usize, _: &mut ()| assert!(item != 50, "at fifty");
        let items: Vec<usize> = (0..1000).collect();
        let run = || with_threads(2, || in_order(&items, work, |_, ()| Ok(())));
        let panic = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"at fifty"));
    }
}
