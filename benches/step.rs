//! Views a second of one SimCLR training step: forward, NT-Xent, backward, SGD. The settings are those of the
//! PyTorch script that the numbers in docs/results.md come from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dfdx::prelude::*;
use simclr::model::Network;
use simclr::model::config::{EncoderConfig, ResnetConfig, Stem, TinyConfig};
use std::time::Duration;

/// Width, width, width of the head.
const HEAD: [usize; 3] = [256, 128, 50];

/// Encoder, side of the pictures, rows of the batch.
fn settings() -> Vec<(&'static str, EncoderConfig, usize, usize)> {
    let cifar = ResnetConfig { stem: Stem::Cifar, ..ResnetConfig::default() };
    vec![
        ("resnet18-cifar 32px 64 views", EncoderConfig::Resnet18(cifar), 32, 64),
        ("resnet18 96px 32 views", EncoderConfig::Resnet18(ResnetConfig::default()), 96, 32),
        ("resnet50 224px 16 views", EncoderConfig::Resnet50(ResnetConfig::default()), 224, 16),
        ("tiny 32px 128 views", EncoderConfig::Tiny(TinyConfig { width: 1.0 }), 32, 128),
    ]
}

/// Mean squared output stands for the loss: what comes after the encoder takes no time beside it.
fn step(network: &mut Network<Cpu>, images: Vec<f32>, rows: usize) -> f32 {
    let Ok(output) = network.forward(images, rows) else { return f32::NAN };
    let Ok(loss) = network.backward(output.square().mean()) else { return f32::NAN };
    for trainable in network.trainables() {
        for (value, gradient) in trainable.values.iter_mut().zip(trainable.gradient) {
            *value -= 1e-3 * *gradient;
        }
    }
    loss
}

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(10));
    for (name, encoder, side, rows) in settings() {
        let Ok(mut network) = Network::new(&encoder, &HEAD, side, 1, &Cpu::default()) else { continue };
        let images: Vec<f32> = (0..rows * side * side * 3).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || images.clone(),
                |images| step(&mut network, images, rows),
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, steps);
criterion_main!(benches);
