//! The CUDA backend against the CPU's, operation by operation and over training steps. Needs a device: without one each
//! test says so and passes. `simclr doctor` does the same for users, and more of it.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use dfdx::prelude::{Cpu, Cuda};
use simclr::base::rng::{self, stream};
use simclr::loss::{NtXentConfig, Similarity, nt_xent};
use simclr::model::config::{EncoderConfig, ResnetConfig, TinyConfig};
use simclr::model::{BatchStatistics, Network};
use simclr::nn::{Backend, Convolution, MaxPool, Normalization, Precision, Running, cuda};
use simclr::optim::{Optimizer, OptimizerConfig};
use simclr::train::Compute;

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

/// What a result may be off, relative to the largest number.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 1e-4,
        Precision::Tf32 => 1e-3,
        Precision::Bf16 => 2e-2,
    }
}

/// The device, if there is one.
fn device() -> Option<Cuda> {
    cuda::open(0).inspect_err(|error| eprintln!("skipped, no CUDA device: {error}")).ok()
}

fn numbers(name: &str, length: usize) -> Vec<f32> {
    let mut rng = stream(11, name, &[length as u64]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}

/// Results with their names.
type Results = Vec<(String, Vec<f32>)>;

fn assert_agree(precision: Precision, ours: &Results, expected: &Results) {
    assert_eq!(ours.len(), expected.len());
    for ((what, ours), (_, expected)) in ours.iter().zip(expected) {
        assert_eq!(ours.len(), expected.len(), "{what}");
        let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        for (i, (a, b)) in ours.iter().zip(expected).enumerate() {
            let error = (a - b).abs();
            assert!(error <= tolerance(precision) * largest, "{precision:?}, {what}[{i}]: {a} instead of {b}");
        }
    }
}

/// Runs the same on both devices in each precision.
fn on_both(run: impl Fn(&Cuda, Precision) -> Results, expected: impl Fn(&Cpu, Precision) -> Results) {
    let Some(device) = device() else { return };
    for precision in PRECISIONS {
        assert_agree(precision, &run(&device, precision), &expected(&Cpu::default(), precision));
    }
}

/// Numbers that the precision holds, on a device.
struct Made<'a, D: Backend> {
    device: &'a D,
    precision: Precision,
}

impl<D: Backend> Made<'_, D> {
    fn map(&self, name: &str, length: usize) -> D::Map {
        self.device.upload_map(numbers(name, length), self.precision).unwrap()
    }

    /// Of ones, for an operation to overwrite.
    fn full(&self, length: usize) -> D::Map {
        self.device.upload_map(vec![1.0; length], self.precision).unwrap()
    }

    fn buffer(&self, name: &str, length: usize) -> D::Buffer {
        self.device.upload(numbers(name, length)).unwrap()
    }

    fn map_values(&self, name: &str, map: &D::Map) -> (String, Vec<f32>) {
        (name.to_owned(), self.device.download_map(map).unwrap())
    }

    fn values(&self, name: &str, buffer: &D::Buffer) -> (String, Vec<f32>) {
        (name.to_owned(), self.device.download(buffer).unwrap())
    }
}

/// Kernels of 1, 3 and 7, strides, images, channels that are multiples of 8.
fn shapes() -> Vec<(Convolution, usize)> {
    let shape =
        |inputs, outputs, kernel, stride, padding, side| Convolution { inputs, outputs, kernel, stride, padding, side };
    vec![
        (shape(64, 32, 1, 1, 0, 9), 5),
        (shape(16, 32, 1, 2, 0, 8), 3),
        (shape(32, 64, 3, 1, 1, 10), 7),
        (shape(64, 64, 3, 2, 1, 9), 4),
        (shape(3, 64, 7, 2, 3, 32), 4),
        (shape(3, 32, 3, 1, 1, 16), 6),
    ]
}

fn convolutions<D: Backend>(device: &D, precision: Precision) -> Results {
    let make = Made { device, precision };
    let mut results = Vec::new();
    for (shape, rows) in shapes() {
        let (input, cotangent) =
            (make.map("input", rows * shape.input_len()), make.map("output", rows * shape.output_len()));
        let (weights, bias) = (make.buffer("weights", shape.weights()), make.buffer("bias", shape.outputs));
        let mut output = make.full(rows * shape.output_len());
        let (mut weight_gradient, mut bias_gradient) =
            (make.buffer("", shape.weights()), make.buffer("", shape.outputs));
        // Twice: with the search for an algorithm and without.
        for _ in 0..2 {
            device.convolution(&shape, &input, &weights, Some(&bias), &mut output).unwrap();
            let into = (&mut weight_gradient, Some(&mut bias_gradient));
            device.convolution_weight_gradient(&shape, &input, &cotangent, into.0, into.1).unwrap();
        }
        results.push(make.map_values(&format!("output of {shape:?}"), &output));
        results.push(make.values(&format!("weights of {shape:?}"), &weight_gradient));
        results.push(make.values(&format!("bias of {shape:?}"), &bias_gradient));
        if shape.inputs == 3 {
            continue; // nothing needs the gradient of images
        }
        for accumulate in [true, false] {
            let mut gradient = make.map("before", rows * shape.input_len());
            device.convolution_input_gradient(&shape, &weights, &cotangent, accumulate, &mut gradient).unwrap();
            results.push(make.map_values(&format!("input of {shape:?}, accumulate {accumulate}"), &gradient));
        }
    }
    results
}

#[test]
fn convolutions_agree() {
    on_both(convolutions, convolutions);
}

fn norms<D: Backend>(device: &D, precision: Precision) -> Results {
    let make = Made { device, precision };
    let mut results = Vec::new();
    for (pixels, channels, groups) in
        [(1000, 64, 1), (77, 40, 1), (300, 3, 1), (20_000, 8, 1), (1000, 64, 2), (78, 40, 2), (300, 3, 2)]
    {
        let length = pixels * channels;
        let (mut input, residual, mut gradient) =
            (make.map("input", length), make.map("residual", length), make.map("gradient", length));
        let [scale, shift] = ["scale", "shift"].map(|name| make.buffer(name, channels));
        let [mut mean, mut inverse_deviation] = ["", ""].map(|name| make.buffer(name, groups * channels));
        let [mut running_mean, mut running_variance] = ["running", "variance"].map(|name| make.buffer(name, channels));
        let running = Running { mean: &mut running_mean, variance: &mut running_variance, momentum: 0.1 };
        device.batch_moments(groups, 1e-5, &input, &mut mean, &mut inverse_deviation, Some(running)).unwrap();
        let norm = Normalization { mean: &mean, inverse_deviation: &inverse_deviation, scale: &scale, shift: &shift };
        let mut output = make.full(length);
        device.normalize(&norm, &input, Some(&residual), true, &mut output).unwrap();
        let [mut scale_gradient, mut shift_gradient] = ["", ""].map(|name| make.buffer(name, channels));
        let gradients = (&mut scale_gradient, &mut shift_gradient);
        device.normalize_gradient(&norm, Some(&output), &mut gradient, &mut input, gradients.0, gradients.1).unwrap();
        let named = |name: &str| format!("{name} of {pixels} pixels, {channels} channels, {groups} groups");
        for (name, map) in [("output", &output), ("input gradient", &input), ("residual gradient", &gradient)] {
            results.push(make.map_values(&named(name), map));
        }
        for (name, buffer) in [
            ("mean", &mean),
            ("inverse deviation", &inverse_deviation),
            ("running mean", &running_mean),
            ("running variance", &running_variance),
            ("scale gradient", &scale_gradient),
            ("shift gradient", &shift_gradient),
        ] {
            results.push(make.values(&named(name), buffer));
        }
    }
    results
}

#[test]
fn batch_norm_agrees() {
    on_both(norms, norms);
}

fn pools<D: Backend>(device: &D, precision: Precision) -> Results {
    let make = Made { device, precision };
    let shape = MaxPool { channels: 24, kernel: 3, stride: 2, padding: 1, side: 11 };
    let (rows, length) = (5, 11 * 11 * 24);
    let input = make.map("input", rows * length);
    let mut output = make.full(rows * shape.output_len());
    device.max_pool(&shape, &input, &mut output).unwrap();
    let cotangent = make.map("cotangent", rows * shape.output_len());
    let mut gradient = make.full(rows * length);
    device.max_pool_gradient(&shape, &input, &output, &cotangent, &mut gradient).unwrap();
    let mut average = make.buffer("", rows * 24);
    device.average_pool(24, &input, rows, &mut average).unwrap();
    let mut average_gradient = make.full(rows * length);
    device.average_pool_gradient(24, &average, rows, &mut average_gradient).unwrap();
    vec![
        make.map_values("max pool", &output),
        make.map_values("max pool's gradient", &gradient),
        make.values("average pool", &average),
        make.map_values("average pool's gradient", &average_gradient),
    ]
}

#[test]
fn pools_agree() {
    on_both(pools, pools);
}

/// Three steps with NT-Xent: losses and what the network then is.
fn trained<D: Compute>(device: &D, precision: Precision, encoder: &EncoderConfig, optimizer: &str) -> Results {
    let (side, rows) = (32, 16);
    let mut network = Network::new(encoder, &[64, 32], side, 1, device).unwrap().in_precision(precision);
    let rule: OptimizerConfig = serde_json::from_str(optimizer).unwrap();
    let mut steps = Optimizer::<D>::new(&rule);
    let config = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };
    let mut losses = Vec::new();
    for step in 0..3 {
        let images = numbers(&format!("images {step}"), rows * side * side * 3);
        let output = network.forward(images, rows).unwrap();
        let measured = nt_xent(output, &config).unwrap();
        losses.push(network.backward(measured.loss).unwrap());
        steps.step(device, &mut network.trainables(), steps.peak_learning_rate()).unwrap();
        network.parameters_changed().unwrap();
    }
    let features = network.encode(&numbers("images", 4 * side * side * 3), 4, BatchStatistics::Running).unwrap();
    let state = network.state_dict().unwrap();
    let state = state.into_iter().filter(|array| !array.name.ends_with("bias"));
    let arrays = state.map(|array| (format!("{} after training", array.name), array.values));
    [("losses".to_owned(), losses), ("features".to_owned(), features)].into_iter().chain(arrays).collect()
}

#[test]
fn training_steps_agree() {
    let Some(device) = device() else { return };
    let tiny = EncoderConfig::Tiny(TinyConfig { width: 0.5, ..TinyConfig::default() });
    let pooled = EncoderConfig::Resnet18(ResnetConfig { width: 0.25, ..ResnetConfig::default() });
    for optimizer in [
        r#"{"sgd": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": true, "weight_decay": 1e-4}}"#,
        r#"{"lars": {"learning_rate": 0.3, "trust": 0.01, "weight_decay": 1e-4}}"#,
    ] {
        for encoder in [&tiny, &pooled] {
            // In 32 bits: roundings of the others grow from step to step.
            let ours = trained(&device, Precision::F32, encoder, optimizer);
            assert_agree(Precision::Tf32, &ours, &trained(&Cpu::default(), Precision::F32, encoder, optimizer));
        }
    }
}
