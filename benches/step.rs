//! Views/s of a SimCLR training step, from a batch of views to updated parameters: forward pass, NT-Xent, backward
//! pass, SGD with momentum. Also prints the peak memory of the process, which is meaningful for a single setting:
//! `cargo bench --bench step -- "resnet50 224px 16 views$"`, or `... views bf16$` for bfloat16.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark may panic")]
#![allow(clippy::print_stdout, reason = "criterion prints too")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dfdx::prelude::Cpu;
use simclr::base::system::memory_peak;
use simclr::dataset::Batch;
use simclr::loss::{NtXentConfig, Similarity, nt_xent};
use simclr::model::{EncoderConfig, Network, ResnetConfig, Stem, TinyConfig};
use simclr::nn::Precision;
use simclr::optim::{OptimizerConfig, ScheduleConfig};
use simclr::train::{TrainConfig, TrainState};
use std::time::Duration;

/// Output sizes of the projection layers.
const HEAD: [usize; 3] = [256, 128, 50];
const LOSS: NtXentConfig = NtXentConfig { temperature: 0.1, similarity: Similarity::Cosine };

/// Name, encoder, image size, views per batch.
fn settings() -> Vec<(&'static str, EncoderConfig, usize, usize)> {
    let cifar = ResnetConfig { stem: Stem::Cifar, ..ResnetConfig::default() };
    vec![
        ("resnet18-cifar 32px 64 views", EncoderConfig::Resnet18(cifar), 32, 64),
        ("resnet18 96px 32 views", EncoderConfig::Resnet18(ResnetConfig::default()), 96, 32),
        ("resnet50 224px 16 views", EncoderConfig::Resnet50(ResnetConfig::default()), 224, 16),
        ("tiny 32px 128 views", EncoderConfig::Tiny(TinyConfig::default()), 32, 128),
    ]
}

fn cross<A: Clone, B: Clone>(first: Vec<A>, second: [B; 2]) -> impl Iterator<Item = (A, B)> {
    first.into_iter().flat_map(move |a| second.clone().map(|b| (a.clone(), b)))
}

fn run(encoder: &EncoderConfig, side: usize, precision: Precision) -> TrainState<Cpu> {
    let optimizer: OptimizerConfig = toml::from_str("sgd = { learning_rate = 0.01, momentum = 0.9 }").unwrap();
    let schedule: ScheduleConfig = toml::from_str("constant = {}").unwrap();
    let network = Network::new(encoder, &HEAD, side, 1, &Cpu::default()).unwrap().in_precision(precision);
    let config =
        TrainConfig { optimizer: &optimizer, schedule: &schedule, gradient_clip: None, epochs: 1, steps_per_epoch: 1 };
    TrainState::new(network, &config)
}

fn batch(side: usize, rows: usize) -> Batch {
    let images = (0..rows * side * side * 3).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
    let indices: Vec<usize> = (0..rows / 2).chain(0..rows / 2).collect();
    Batch { images, rows, labels: vec![0; rows], indices, epoch: 0, images_of_batch: rows }
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(10));
    let precisions = [("", Precision::F32), (" bf16", Precision::Bf16)];
    for ((name, encoder, side, rows), (suffix, precision)) in cross(settings(), precisions) {
        let (mut run, name) = (None, format!("{name}{suffix}"));
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(&name, |bencher| {
            let run = run.get_or_insert_with(|| self::run(&encoder, side, precision));
            let step = |batch: Batch| {
                let loss = |z, _: &[usize]| nt_xent(z, &LOSS).map(|output| (output.loss, output.accuracy));
                run.step(batch, loss).unwrap()
            };
            bencher.iter_batched(|| batch(side, rows), step, criterion::BatchSize::PerIteration);
        });
        if run.is_some() {
            println!("{name}: peak memory of the process {} MB", memory_peak().unwrap_or(0) / 1_000_000);
        }
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
