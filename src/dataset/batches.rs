//! Batches prefetched on rayon's pool during the training step.
//!
//! Two batches are in flight while one is used. Each is a task of the pool that the caller runs in, so data loading and
//! training share the same threads, and no task blocks inside the pool. Every view has its own random stream, so its
//! pixels do not depend on the number of threads or on scheduling.

use crate::augment::{Policy, Scratch};
use crate::base::Result;
use crate::base::rng::{Rng, permutation, stream};
use crate::dataset::ImageDataset;
use crate::group::Sharding;
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

/// Number of batches to prefetch.
const PREFETCH: usize = 2;
/// How long a pool thread that waits for a batch sleeps when the pool has no other work for it.
const POLL_INTERVAL: Duration = Duration::from_micros(100);

/// A batch of views, as input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// `[rows, side, side, 3]`
    pub images: Vec<f32>,
    /// Views in the batch.
    pub rows: usize,
    /// `[rows]`: index of the image of each view.
    pub indices: Vec<usize>,
    /// `[rows]`: label of the image of each view.
    pub labels: Vec<usize>,
    /// Epoch, counted from 0.
    pub epoch: usize,
    /// Images of the whole batch; more than those of `indices` if other ranks have the rest.
    pub images_of_batch: usize,
}

/// Configuration of the batches of a training run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Images per batch.
    pub batch_size: usize,
    /// Passes over the images.
    pub epochs: usize,
    /// Number of batches to skip at the start, over all epochs; the remaining ones are unaffected.
    pub skip: usize,
    /// Seed of the order of the images and of their views.
    pub seed: u64,
}

/// Returns batches of two views of each image: `rows = 2 * batch_size`, first all first views, then all second views,
/// so that rows `i` and `i + batch_size` are views of the same image.
///
/// The images are shuffled in each epoch, by `stream(seed, "order", [epoch])`; the last batch is dropped if it is not
/// full. Views are sampled from `stream(seed, "augment", [epoch, image, view])`, or from
/// `stream(seed, "augment-batch", [epoch, batch, view])` if the policy samples once per batch.
pub fn contrastive_batches(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    loader: LoaderConfig,
) -> Batches {
    for_training(set, indices, policy, loader, 2, None)
}

/// Returns the batches of [`contrastive_batches`] with the rows of this rank's shards alone: of each shard all first
/// views, then all second views.
pub(crate) fn contrastive_shards(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    loader: LoaderConfig,
    sharding: &Sharding,
) -> Batches {
    for_training(set, indices, policy, loader, 2, Some(sharding))
}

/// Returns batches of one view of each image, shuffled in each epoch; the last batch of an epoch may be smaller. Random
/// streams as for [`contrastive_batches`].
pub fn labeled_batches(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    loader: LoaderConfig,
) -> Batches {
    for_training(set, indices, policy, loader, 1, None)
}

/// Returns the batches of [`labeled_batches`] with the rows of this rank's shards alone.
pub(crate) fn labeled_shards(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    loader: LoaderConfig,
    sharding: &Sharding,
) -> Batches {
    for_training(set, indices, policy, loader, 1, Some(sharding))
}

/// Returns shuffled batches of one or two views of each image. A partial batch has fewer negatives, so that batches of two
/// views are whole.
fn for_training(
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    loader: LoaderConfig,
    views: usize,
    sharding: Option<&Sharding>,
) -> Batches {
    let LoaderConfig { batch_size, epochs, skip, seed } = loader;
    let (images, size) = (indices.len(), batch_size.max(1));
    let per_epoch = if views == 1 { images.div_ceil(size) } else { images / size };
    let plan = BatchPlan { set, indices, policy, batch_size, views, seed: Some(seed), sharding: sharding.cloned() };
    Batches::new(plan, per_epoch, skip..per_epoch * epochs)
}

/// Returns batches of each image once, in the given order, without randomness; the last batch may be smaller. For
/// policies made by [`Policy::evaluation`].
pub fn plain_batches(set: Arc<ImageDataset>, indices: Vec<usize>, policy: Arc<Policy>, batch_size: usize) -> Batches {
    let per_epoch = indices.len().div_ceil(batch_size.max(1));
    let plan = BatchPlan { set, indices, policy, batch_size, views: 1, seed: None, sharding: None };
    Batches::new(plan, per_epoch, 0..per_epoch)
}

/// A prefetching iterator over batches, in order.
///
/// A batch whose images cannot be read is an error, after which only the batches in flight are returned. A panic in a
/// loading task (a bug) is raised again in `next`. Dropping the iterator cancels the batches in flight at their next
/// image.
pub struct Batches {
    plan: Arc<BatchPlan>,
    /// Batches per epoch.
    per_epoch: usize,
    /// Numbers of the batches that have not been started, over all epochs.
    ahead: Range<usize>,
    /// Order of the images in the epoch of the last started batch; empty before the first.
    order: Arc<Vec<usize>>,
    in_flight: VecDeque<Receiver<BatchResult>>,
    dropped: Arc<AtomicBool>,
    waited: Duration,
}

type BatchResult = Result<Result<Batch>, Box<dyn Any + Send>>;

impl Batches {
    fn new(plan: BatchPlan, per_epoch: usize, numbers: Range<usize>) -> Self {
        let mut batches = Self {
            plan: Arc::new(plan),
            per_epoch,
            ahead: numbers,
            order: Arc::default(),
            in_flight: VecDeque::new(),
            dropped: Arc::default(),
            waited: Duration::ZERO,
        };
        batches.start_ahead();
        batches
    }

    /// Returns the number of batches per epoch.
    pub fn per_epoch(&self) -> usize {
        self.per_epoch
    }

    /// Returns the seconds spent waiting for batches that were not ready.
    pub fn waited(&self) -> f64 {
        self.waited.as_secs_f64()
    }

    /// Starts batches until [`PREFETCH`] are in flight.
    fn start_ahead(&mut self) {
        while self.in_flight.len() < PREFETCH
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
                // Fails if the batches were dropped.
                let _ = sender.send(catch_unwind(AssertUnwindSafe(make)));
            });
            self.in_flight.push_back(receiver);
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        let receiver = self.in_flight.pop_front()?;
        let start = Instant::now();
        let result = wait(&receiver);
        self.waited += start.elapsed();
        match result {
            Some(Ok(Ok(batch))) => {
                self.start_ahead();
                Some(Ok(batch))
            }
            Some(Ok(Err(error))) => Some(Err(error)),
            Some(Err(panic)) => resume_unwind(panic),
            None => None, // The pool is gone, so the process is exiting.
        }
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

/// Waits for a batch; a pool thread does other work of the pool meanwhile, since a pool of one thread would deadlock.
fn wait(receiver: &Receiver<BatchResult>) -> Option<BatchResult> {
    if rayon::current_thread_index().is_none() {
        return receiver.recv().ok();
    }
    loop {
        if rayon::yield_now() == Some(rayon::Yield::Executed) {
            if let Ok(result) = receiver.try_recv() {
                return Some(result);
            }
            continue;
        }
        match receiver.recv_timeout(POLL_INTERVAL) {
            Ok(result) => return Some(result),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// The parameters of all batches.
struct BatchPlan {
    set: Arc<ImageDataset>,
    indices: Vec<usize>,
    policy: Arc<Policy>,
    batch_size: usize,
    views: usize,
    /// Seed of order and views; `None` keeps the order.
    seed: Option<u64>,
    /// How batches are cut, if this rank makes the rows of its shards alone.
    sharding: Option<Sharding>,
}

thread_local! {
    /// Buffers of each thread, so that making a view does not allocate.
    static SCRATCH: RefCell<(Scratch, Image)> = RefCell::default();
}

impl BatchPlan {
    /// Returns the positions of an epoch's images in `indices`, in order.
    fn order(&self, epoch: usize) -> Vec<usize> {
        match self.seed {
            Some(seed) => permutation(self.indices.len(), &mut stream(seed, "order", &[epoch as u64])),
            None => (0..self.indices.len()).collect(),
        }
    }

    fn make(&self, order: &[usize], epoch: usize, number: usize, dropped: &AtomicBool) -> Result<Batch> {
        let start = number * self.batch_size;
        let end = (start + self.batch_size).min(order.len());
        let whole: Vec<usize> = order[start..end].iter().map(|&position| self.indices[position]).collect();
        let shards = match &self.sharding {
            Some(sharding) => sharding.batch(whole.len()).own(),
            None => std::iter::once(0..whole.len()).collect(),
        };
        let once: Vec<usize> = shards.iter().flat_map(|shard| &whole[shard.clone()]).copied().collect();
        let indices: Vec<usize> = shards.iter().flat_map(|shard| whole[shard.clone()].repeat(self.views)).collect();
        let view = CHANNELS * self.policy.side() * self.policy.side();
        let mut images = vec![0.0; indices.len() * view];
        // Grouped by image, so that each is read once.
        let mut views: Vec<Vec<&mut [f32]>> = once.iter().map(|_| Vec::with_capacity(self.views)).collect();
        let mut rows = images.chunks_exact_mut(view);
        let mut first = 0;
        for shard in &shards {
            for row in 0..self.views * shard.len() {
                views[first + row % shard.len()].extend(rows.next());
            }
            first += shard.len();
        }
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
        Ok(Batch { images, rows: indices.len(), indices, labels, epoch, images_of_batch: whole.len() })
    }

    /// Returns the random stream of a view.
    fn stream(&self, epoch: usize, batch: usize, image: usize, view: usize) -> Rng {
        let seed = self.seed.unwrap_or_default();
        if self.policy.is_same_on_batch() {
            stream(seed, "augment-batch", &[epoch as u64, batch as u64, view as u64])
        } else {
            stream(seed, "augment", &[epoch as u64, image as u64, view as u64])
        }
    }
}
