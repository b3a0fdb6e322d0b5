//! Batches made ahead of the training step on rayon's pool.
//!
//! Two batches are in the making while one is used. Each is a task of the pool that the caller runs in, so making
//! batches and training share the same threads, and nothing waits inside the pool. Every view has a random stream of
//! its own, so its pixels do not depend on the number of threads or on when it was made.

use crate::augment::{Policy, Scratch};
use crate::base::Result;
use crate::base::rng::{Rng, permutation, stream};
use crate::dataset::ImageDataset;
use crate::imaging::{CHANNELS, Image};
use rayon::prelude::*;
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// Batches made before they are asked for.
const AHEAD: usize = 2;
/// How long a thread of the pool that waits for a batch sleeps when the pool has nothing else for it to do.
const NAP: Duration = Duration::from_micros(100);

/// Images as a network sees them.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `[rows, side, side, 3]`
    pub images: Vec<f32>,
    /// Views in the batch.
    pub rows: usize,
    /// `[rows]`: index of the image in each row.
    pub indices: Vec<usize>,
    /// `[rows]`: its label.
    pub labels: Vec<usize>,
    /// Epoch, counted from 0.
    pub epoch: usize,
}

/// How a training goes through its images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Images in a batch.
    pub batch_size: usize,
    /// Passes over the images.
    pub epochs: usize,
    /// Batches, over all epochs, that are left out at the start; the others are the same as without it.
    pub skip: usize,
    /// Seed of the order of the images and of their views.
    pub seed: u64,
}

/// Two views of each image: `rows = 2 * batch_size`, first all first views, then all second views, so that rows `i`
/// and `i + batch_size` show the same image.
///
/// The order is drawn anew for each epoch, as `stream(seed, "order", [epoch])`; a last batch that is not full is left
/// out. Views are drawn from `stream(seed, "augment", [epoch, image, view])`, or from
/// `stream(seed, "augment-batch", [epoch, batch, view])` where the policy draws once a batch.
pub fn contrastive_batches(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    course: LoaderConfig,
) -> Batches {
    let LoaderConfig { batch_size, epochs, skip, seed } = course;
    let per_epoch = indices.len() / batch_size.max(1);
    let plan = Plan { set, indices, policy, batch_size, views: 2, seed: Some(seed) };
    Batches::new(plan, per_epoch, skip..per_epoch * epochs)
}

/// One view of each image, in an order drawn anew for each epoch; the last batch of an epoch may be smaller. Random
/// streams as for [`contrastive_batches`].
pub fn labeled_batches(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    course: LoaderConfig,
) -> Batches {
    let LoaderConfig { batch_size, epochs, skip, seed } = course;
    let per_epoch = indices.len().div_ceil(batch_size.max(1));
    let plan = Plan { set, indices, policy, batch_size, views: 1, seed: Some(seed) };
    Batches::new(plan, per_epoch, skip..per_epoch * epochs)
}

/// Each image once, in the order given, without randomness; the last batch may be smaller. Meant for a policy of
/// [`Policy::evaluation`].
pub fn plain_batches(set: Arc<ImageDataset>, indices: Vec<usize>, policy: Arc<Policy>, batch_size: usize) -> Batches {
    let per_epoch = indices.len().div_ceil(batch_size.max(1));
    Batches::new(Plan { set, indices, policy, batch_size, views: 1, seed: None }, per_epoch, 0..per_epoch)
}

/// Batches in order, made ahead.
///
/// A batch whose images cannot be read is an error, after which those in the making may be asked for and no more. A
/// panic while one is made (a bug of ours) is raised again where the batch is asked for. Dropping it early lets the
/// batches in the making end at the next image.
pub struct Batches {
    plan: Arc<Plan>,
    /// Batches of an epoch.
    per_epoch: usize,
    /// Numbers of the batches that are not started, over all epochs.
    ahead: Range<usize>,
    /// Order of the images in the epoch of the last batch started; empty before the first.
    order: Arc<Vec<usize>>,
    in_the_making: VecDeque<Receiver<Made>>,
    dropped: Arc<AtomicBool>,
    waited: Duration,
}

type Made = Result<Result<Batch>, Box<dyn Any + Send>>;

impl Batches {
    fn new(plan: Plan, per_epoch: usize, numbers: Range<usize>) -> Self {
        let mut batches = Self {
            plan: Arc::new(plan),
            per_epoch,
            ahead: numbers,
            order: Arc::default(),
            in_the_making: VecDeque::new(),
            dropped: Arc::default(),
            waited: Duration::ZERO,
        };
        batches.start_ahead();
        batches
    }

    /// Batches of an epoch.
    pub fn per_epoch(&self) -> usize {
        self.per_epoch
    }

    /// Seconds spent waiting for batches that were not ready.
    pub fn waited(&self) -> f64 {
        self.waited.as_secs_f64()
    }

    /// Starts batches until enough are in the making.
    fn start_ahead(&mut self) {
        while self.in_the_making.len() < AHEAD
            && let Some(next) = self.ahead.next()
        {
            let (epoch, number) = (next / self.per_epoch, next % self.per_epoch);
            if number == 0 || self.order.is_empty() {
                self.order = Arc::new(self.plan.order(epoch));
            }
            let (sender, receiver) = sync_channel(1);
            let (plan, order, dropped) = (self.plan.clone(), self.order.clone(), self.dropped.clone());
            rayon::spawn_fifo(move || {
                let make = || plan.make(&order, epoch, number, &dropped);
                // Nobody listens any more if the batches were dropped.
                let _ = sender.send(catch_unwind(AssertUnwindSafe(make)));
            });
            self.in_the_making.push_back(receiver);
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let receiver = self.in_the_making.pop_front()?;
        let start = Instant::now();
        let made = wait(&receiver);
        self.waited += start.elapsed();
        match made {
            Some(Ok(Ok(batch))) => {
                self.start_ahead();
                Some(Ok(batch))
            }
            Some(Ok(Err(error))) => Some(Err(error)),
            Some(Err(panic)) => resume_unwind(panic),
            None => None, // The pool is gone, so the process is ending.
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

/// Waits for a batch; a thread of the pool helps with the pool's work meanwhile, or a pool of one would wait for ever.
fn wait(receiver: &Receiver<Made>) -> Option<Made> {
    if rayon::current_thread_index().is_none() {
        return receiver.recv().ok();
    }
    loop {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            if let Ok(made) = receiver.try_recv() {
                return Some(made);
            }
            continue;
        }
        match receiver.recv_timeout(NAP) {
            Ok(made) => return Some(made),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// What batches are made from.
struct Plan {
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    batch_size: usize,
    views: usize,
    /// None keeps the order and draws nothing.
    seed: Option<u64>,
}

thread_local! {
    /// Buffers of the thread, so that a view allocates nothing.
    static SCRATCH: RefCell<(Scratch, Image)> = RefCell::default();
}

impl Plan {
    /// Positions of an epoch's images in `indices`.
    fn order(&self, epoch: usize) -> Vec<usize> {
        match self.seed {
            Some(seed) => permutation(self.indices.len(), &mut stream(seed, "order", &[epoch as u64])),
            None => (0..self.indices.len()).collect(),
        }
    }

    fn make(&self, order: &[usize], epoch: usize, number: usize, dropped: &AtomicBool) -> Result<Batch> {
        let start = number * self.batch_size;
        let end = (start + self.batch_size).min(order.len());
        let once: Vec<usize> = order[start..end].iter().map(|&position| self.indices[position]).collect();
        let indices = once.repeat(self.views);
        let view = CHANNELS * self.policy.side() * self.policy.side();
        let mut images = vec![0.0; indices.len() * view];
        // All views of an image together, so that it is read once.
        let mut views: Vec<Vec<&mut [f32]>> = once.iter().map(|_| Vec::with_capacity(self.views)).collect();
        images.chunks_exact_mut(view).enumerate().for_each(|(row, image)| views[row % once.len()].push(image));
        views.into_par_iter().zip(&once).try_for_each(|(images, &image)| {
            if dropped.load(Ordering::Relaxed) {
                return Ok(());
            }
            SCRATCH.with_borrow_mut(|(scratch, stored)| {
                self.set.read(image, stored)?;
                for (view, out) in images.into_iter().enumerate() {
                    let mut rng = self.stream(epoch, number, image, view);
                    self.policy.apply(stored.view(), &mut rng, scratch, out);
                }
                Ok(())
            })
        })?;
        self.set.check()?;
        let labels = indices.iter().map(|&image| self.set.label(image)).collect();
        Ok(Batch { images, rows: indices.len(), indices, labels, epoch })
    }

    /// The random stream of a view.
    fn stream(&self, epoch: usize, batch: usize, image: usize, view: usize) -> Rng {
        let seed = self.seed.unwrap_or_default();
        if self.policy.draws_per_batch() {
            stream(seed, "augment-batch", &[epoch as u64, batch as u64, view as u64])
        } else {
            stream(seed, "augment", &[epoch as u64, image as u64, view as u64])
        }
    }
}
