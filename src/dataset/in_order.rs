//! Work on a list by all threads, with the results taken one by one in the order of the list.

use crate::base::{Error, Result};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Results that may be made or wait to be taken, for each thread: enough that a slow one seldom stops the others.
const SPARE_PER_THREAD: usize = 4;

/// A result, or what its making panicked with.
type Made<R> = (usize, thread::Result<R>);

/// Calls `work` for each item in as many threads as the pool has, and `take` on this one with the results, in order.
///
/// A result is made in one that was taken before, so memory is allocated only at the beginning, and the threads stay at
/// most a few items ahead of `take`. No thread waits for the others at the end of some part of the list.
///
/// # Errors
/// The first error of `take`, which ends the work, or no thread can be started; where some can, they do it.
pub(super) fn in_order<I: Sync, R: Default + Send>(
    items: &[I],
    work: impl Fn(&I, &mut R) + Sync,
    take: impl FnMut(&I, &R) -> Result<()>,
) -> Result<()> {
    let threads = rayon::current_num_threads();
    let (give_back, buffers) = channel();
    (0..SPARE_PER_THREAD * threads).try_for_each(|_| give_back.send(R::default())).ok();
    // One lock for both: what is taken next always has a result to be made in.
    let queue = Mutex::new(items.iter().enumerate().zip(buffers));
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let (sender, made) = channel();
    thread::scope(|scope| {
        for number in 0..threads {
            let (sender, next, work) = (sender.clone(), &next, &work);
            let started = thread::Builder::new().spawn_scoped(scope, move || {
                while let Some(((index, item), mut result)) = next() {
                    let outcome = catch_unwind(AssertUnwindSafe(|| work(item, &mut result)));
                    if sender.send((index, outcome.map(|()| result))).is_err() {
                        break; // Nothing is taken any more.
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
        deliver(items, made, give_back, take)
    })
}

/// Takes results in the order of their items. The channels end with it, and so do the threads.
fn deliver<I, R>(
    items: &[I],
    made: Receiver<Made<R>>,
    give_back: Sender<R>,
    mut take: impl FnMut(&I, &R) -> Result<()>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    let mut items = items.iter().enumerate().peekable();
    for (index, result) in made {
        early.insert(index, result.unwrap_or_else(|panic| resume_unwind(panic)));
        while let Some((item, result)) = items.peek().and_then(|(next, item)| Some((item, early.remove(next)?))) {
            take(item, &result)?;
            items.next();
            let _ = give_back.send(result); // Fails only when there is nothing more to make.
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
    fn results_come_in_order_from_few_that_are_used_again() {
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
            assert!(made.into_inner() <= SPARE_PER_THREAD * threads);
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let worked = AtomicUsize::new(0);
        let work = |_: &usize, _: &mut ()| {
            worked.fetch_add(1, Ordering::Relaxed);
        };
        let take = |&item: &usize, (): &()| if item < 20 { Ok(()) } else { Err(Error::stage("stop")) };
        let items: Vec<usize> = (0..10_000).collect();
        let error = with_threads(2, || in_order(&items, work, take)).unwrap_err();
        assert_eq!(error.what(), "stop");
        assert!(worked.into_inner() <= 21 + 2 * SPARE_PER_THREAD);
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
