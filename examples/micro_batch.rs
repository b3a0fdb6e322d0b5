//! A large batch in the memory of a small one: `cargo run --release --example micro_batch`.
//!
//! Takes a training step of ResNet-18 on 1,024 views of 32 x 32 pixels three times: with the activations of all views in
//! memory, with those of 128 views at a time, and on a batch of 128 views alone. Prints the peak of allocated bytes of
//! each, and how far the gradient of the second is from that of the first.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example prints and stops by panicking")]

use dfdx::prelude::Cpu;
use simclr::base::rng;
use simclr::dataset::Batch;
use simclr::group::{Sharding, alone};
use simclr::loss::LossConfig;
use simclr::model::{BatchNorm, EncoderConfig, Network, ResnetConfig, Stem};
use simclr::nn::NamedTensor;
use simclr::optim::{OptimizerConfig, ScheduleConfig};
use simclr::train::{ShardConfig, TrainConfig, TrainState, UploadedBatch};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const SIDE: usize = 32;
/// Images of the large and of the small batch, each in two views.
const LARGE: usize = 512;
const SMALL: usize = 64;

/// Counts allocated bytes.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn batch(images: usize) -> Batch {
    let mut random = rng::stream(1, "example", &[]);
    let rows = 2 * images;
    let images_of = (0..rows * SIDE * SIDE * 3).map(|_| rng::unit(&mut random)).collect();
    Batch { images: images_of, rows, indices: vec![0; rows], labels: vec![0; rows], epoch: 0, images_of_batch: images }
}

/// Takes a step; returns the gradients and the peak of allocated bytes.
fn step(images: usize, at_once: Option<usize>) -> (Vec<NamedTensor>, usize) {
    PEAK.store(NOW.load(Ordering::Relaxed), Ordering::Relaxed);
    let (before, start) = (NOW.load(Ordering::Relaxed), Instant::now());
    let encoder = EncoderConfig::Resnet18(ResnetConfig { stem: Stem::Cifar, ..ResnetConfig::default() });
    let network = Network::new(&encoder, &[128], SIDE, 1, &Cpu::default()).unwrap().with_batch_norm(BatchNorm::Shard);
    let optimizer: OptimizerConfig = serde_json::from_str(r#"{"sgd":{"learning_rate":1e-9}}"#).unwrap();
    let schedule = ScheduleConfig::default();
    let config =
        TrainConfig { optimizer: &optimizer, schedule: &schedule, gradient_clip: None, epochs: 1, steps_per_epoch: 1 };
    let shards = ShardConfig { sharding: Sharding::new(alone(), images / SMALL).unwrap(), at_once };
    let mut state = TrainState::new(network, &config).on_shards(shards.clone());
    let uploaded = UploadedBatch::shards(batch(images), state.network(), &shards.sharding).unwrap();
    let (report, ()) = state.step_on_shards(&shards, uploaded, &LossConfig::default(), |_| Ok(())).unwrap();
    let peak = PEAK.load(Ordering::Relaxed) - before;
    let (loss, seconds) = (report.unwrap().loss, start.elapsed().as_secs_f64());
    let at_once = at_once.map_or(images, |shards| shards * SMALL);
    println!(
        "{:5} views, {:5} at once: loss {loss:.6}, peak {:6.0} MB, {seconds:.1} s",
        2 * images,
        2 * at_once,
        peak as f64 / 1e6
    );
    (state.network().gradients().unwrap(), peak)
}

fn main() {
    let (small, small_peak) = step(SMALL, None);
    drop(small);
    let (parts, parts_peak) = step(LARGE, Some(1));
    let (whole, whole_peak) = step(LARGE, None);
    let values = |all: &[NamedTensor]| all.iter().flat_map(|tensor| tensor.values.clone()).collect::<Vec<f32>>();
    let (parts, whole) = (values(&parts), values(&whole));
    let largest = whole.iter().fold(0.0f32, |max, value| max.max(value.abs()));
    let difference = parts.iter().zip(&whole).fold(0.0f32, |max, (a, b)| max.max((a - b).abs()));
    println!(
        "memory: {:.2} of the small batch, {:.2} of the whole one",
        parts_peak as f64 / small_peak as f64,
        parts_peak as f64 / whole_peak as f64
    );
    println!(
        "gradient: largest {largest:.4e}, largest difference {difference:.4e} ({:.1e} of it)",
        difference / largest
    );
}
