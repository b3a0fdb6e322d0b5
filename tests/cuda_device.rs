//! The CUDA backend against the CPU backend, per operation and over training steps. Needs a device: without one, each
//! test prints that it is skipped, and passes. `simclr doctor` runs similar checks, and more of them, for users.

#![cfg(feature = "cuda")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]
#![allow(clippy::print_stderr, reason = "a skipped test reports that")]

use dfdx::prelude::{Cpu, Cuda};
use simclr::base::rng::{self, stream};
use simclr::loss::{NtXentConfig, Similarity, nt_xent};
use simclr::model::{BatchStatistics, EncoderConfig, Network, ResnetConfig, TinyConfig};
use simclr::nn::{Backend, Convolution, MaxPool, Normalization, Precision, ReluOutput, RunningUpdate, cuda};
use simclr::optim::{Optimizer, OptimizerConfig};
use simclr::train::Compute;

const PRECISIONS: [Precision; 3] = [Precision::F32, Precision::Tf32, Precision::Bf16];

/// Returns the tolerance, relative to the largest value.
fn tolerance(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => 1e-4,
        Precision::Tf32 => 2e-3,
        Precision::Bf16 => 2e-2,
    }
}

/// Opens the device, if one exists.
fn device() -> Option<Cuda> {
    cuda::open(0).inspect_err(|error| eprintln!("skipped, no CUDA device: {error}")).ok()
}

fn uniform(name: &str, length: usize) -> Vec<f32> {
    let mut rng = stream(11, name, &[length as u64]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}

/// Named results.
type Results = Vec<(String, Vec<f32>)>;

fn assert_agree(precision: Precision, ours: &Results, expected: &Results) {
    let names =
        |results: &Results| results.iter().map(|(name, values)| (name.clone(), values.len())).collect::<Vec<_>>();
    assert_eq!(names(ours), names(expected));
    let pairs = ours.iter().zip(expected).map(|((name, ours), (_, expected))| (name, relative_error(ours, expected)));
    let wrong: Vec<String> = pairs
        .filter(|(_, error)| error.is_nan() || *error > tolerance(precision))
        .map(|(name, error)| format!("{name}: {error:.1e}"))
        .collect();
    assert!(wrong.is_empty(), "errors of more than {:.0e} in {precision:?}: {wrong:#?}", tolerance(precision));
}

/// Returns the largest difference, relative to the largest expected value; NaN if one is not a number.
fn relative_error(ours: &[f32], expected: &[f32]) -> f32 {
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let max = |largest: f32, x: f32| if x.is_nan() || largest.is_nan() { f32::NAN } else { largest.max(x) };
    let difference = ours.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, max);
    if difference == 0.0 { 0.0 } else { difference / largest }
}

/// Compares both devices in each precision.
fn on_both(run: impl Fn(&Cuda, Precision) -> Results, expected: impl Fn(&Cpu, Precision) -> Results) {
    let Some(device) = device() else { return };
    for precision in PRECISIONS {
        assert_agree(precision, &run(&device, precision), &expected(&Cpu::default(), precision));
    }
}

/// Test data on a device, with maps in a precision.
struct TestData<'a, D: Backend> {
    device: &'a D,
    precision: Precision,
}

impl<D: Backend> TestData<'_, D> {
    fn map(&self, name: &str, length: usize) -> D::Map {
        self.device.upload_map(uniform(name, length), self.precision).unwrap()
    }

    /// Returns a map of ones for an operation to overwrite.
    fn ones(&self, length: usize) -> D::Map {
        self.device.upload_map(vec![1.0; length], self.precision).unwrap()
    }

    fn buffer(&self, name: &str, length: usize) -> D::Buffer {
        self.device.upload(uniform(name, length)).unwrap()
    }

    fn map_values(&self, name: &str, map: &D::Map) -> (String, Vec<f32>) {
        (name.to_owned(), self.device.download_map(map).unwrap())
    }

    fn values(&self, name: &str, buffer: &D::Buffer) -> (String, Vec<f32>) {
        (name.to_owned(), self.device.download(buffer).unwrap())
    }
}

/// Kernel sizes 1, 3 and 7, strides 1 and 2, RGB inputs, and channels that are multiples of 8.
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
    let data = TestData { device, precision };
    let mut results = Vec::new();
    for (shape, rows) in shapes() {
        let (input, cotangent) =
            (data.map("input", rows * shape.input_len()), data.map("output", rows * shape.output_len()));
        let (weights, bias) = (data.buffer("weights", shape.weights()), data.buffer("bias", shape.outputs));
        let mut output = data.ones(rows * shape.output_len());
        let (mut weight_gradient, mut bias_gradient) =
            (data.buffer("", shape.weights()), data.buffer("", shape.outputs));
        // Twice: with the search for an algorithm, and with the cached one.
        for _ in 0..2 {
            device.convolution(&shape, &input, &weights, Some(&bias), &mut output).unwrap();
            let into = (&mut weight_gradient, Some(&mut bias_gradient));
            device.convolution_weight_gradient(&shape, &input, &cotangent, into.0, into.1).unwrap();
        }
        results.push(data.map_values(&format!("output of {shape:?}"), &output));
        results.push(data.values(&format!("weights of {shape:?}"), &weight_gradient));
        results.push(data.values(&format!("bias of {shape:?}"), &bias_gradient));
        if shape.inputs == 3 {
            continue; // the gradient of images is never needed
        }
        for accumulate in [true, false] {
            let mut gradient = data.map("before", rows * shape.input_len());
            device.convolution_input_gradient(&shape, &weights, &cotangent, accumulate, &mut gradient).unwrap();
            results.push(data.map_values(&format!("input of {shape:?}, accumulate {accumulate}"), &gradient));
        }
    }
    results
}

#[test]
fn convolutions_agree() {
    on_both(convolutions, convolutions);
}

fn norms<D: Backend>(device: &D, precision: Precision) -> Results {
    let data = TestData { device, precision };
    let mut results = Vec::new();
    for (pixels, channels, groups) in
        [(1000, 64, 1), (77, 40, 1), (300, 3, 1), (20_000, 8, 1), (1000, 64, 2), (78, 40, 2), (300, 3, 2)]
    {
        let length = pixels * channels;
        let maps = ["input", "gradient", "residual", "input", "gradient"].map(|name| data.map(name, length));
        let [mut input, mut gradient, residual, mut alone_input, mut alone_gradient] = maps;
        let [scale, shift] = ["scale", "shift"].map(|name| data.buffer(name, channels));
        let [mut mean, mut inv_std] = ["", ""].map(|name| data.buffer(name, groups * channels));
        let [mut running_mean, mut running_variance] = ["running", "variance"].map(|name| data.buffer(name, channels));
        let running = RunningUpdate { mean: &mut running_mean, variance: &mut running_variance, momentum: 0.1 };
        device.batch_moments(groups, 1e-5, &input, &mut mean, &mut inv_std, Some(running)).unwrap();
        let norm = Normalization { mean: &mean, inv_std: &inv_std, scale: &scale, shift: &shift };
        let mut output = data.ones(length);
        device.normalize(&norm, &input, Some(&residual), true, &mut output).unwrap();
        let [mut scale_gradient, mut shift_gradient] = ["", ""].map(|name| data.buffer(name, channels));
        let (relu, sums) = (ReluOutput::AfterSum(&output), (&mut scale_gradient, &mut shift_gradient));
        device.normalize_gradient(&norm, relu, &mut gradient, &mut input, sums.0, sums.1).unwrap();
        let mut alone = data.ones(length);
        device.normalize(&norm, &alone_input, None, true, &mut alone).unwrap();
        let [mut alone_scale, mut alone_shift] = ["", ""].map(|name| data.buffer(name, channels));
        let (relu, sums) = (ReluOutput::AfterNorm(&alone), (&mut alone_scale, &mut alone_shift));
        device.normalize_gradient(&norm, relu, &mut alone_gradient, &mut alone_input, sums.0, sums.1).unwrap();
        let named = |name: &str| format!("{name} of {pixels} pixels, {channels} channels, {groups} groups");
        for (name, map) in [
            ("output", &output),
            ("input gradient", &input),
            ("residual gradient", &gradient),
            ("output without residual", &alone),
            ("input gradient without residual", &alone_input),
        ] {
            results.push(data.map_values(&named(name), map));
        }
        for (name, buffer) in [
            ("mean", &mean),
            ("inv_std", &inv_std),
            ("running mean", &running_mean),
            ("running variance", &running_variance),
            ("scale gradient", &scale_gradient),
            ("shift gradient", &shift_gradient),
            ("scale gradient without residual", &alone_scale),
            ("shift gradient without residual", &alone_shift),
        ] {
            results.push(data.values(&named(name), buffer));
        }
    }
    results
}

#[test]
fn batch_norm_agrees() {
    on_both(norms, norms);
}

fn pools<D: Backend>(device: &D, precision: Precision) -> Results {
    let data = TestData { device, precision };
    let shape = MaxPool { channels: 24, kernel: 3, stride: 2, padding: 1, side: 11 };
    let (rows, length) = (5, 11 * 11 * 24);
    let input = data.map("input", rows * length);
    let mut output = data.ones(rows * shape.output_len());
    device.max_pool(&shape, &input, &mut output).unwrap();
    let cotangent = data.map("cotangent", rows * shape.output_len());
    let mut gradient = data.ones(rows * length);
    device.max_pool_gradient(&shape, &input, &output, &cotangent, &mut gradient).unwrap();
    let mut average = data.buffer("", rows * 24);
    device.average_pool(24, &input, rows, &mut average).unwrap();
    let mut average_gradient = data.ones(rows * length);
    device.average_pool_gradient(24, &average, rows, &mut average_gradient).unwrap();
    vec![
        data.map_values("max pool", &output),
        data.map_values("max pool gradient", &gradient),
        data.values("average pool", &average),
        data.map_values("average pool gradient", &average_gradient),
    ]
}

#[test]
fn pools_agree() {
    on_both(pools, pools);
}

/// Takes three steps with NT-Xent; returns losses, features and parameters.
fn trained<D: Compute>(device: &D, precision: Precision, encoder: &EncoderConfig, optimizer: &str) -> Results {
    let (side, rows) = (64, 16);
    let mut network = Network::new(encoder, &[64, 32], side, 1, device).unwrap().in_precision(precision);
    let rule: OptimizerConfig = serde_json::from_str(optimizer).unwrap();
    let mut optimizer = Optimizer::<D>::new(&rule);
    let config = NtXentConfig { temperature: 0.5, similarity: Similarity::Cosine };
    let mut losses = Vec::new();
    for step in 0..3 {
        let images = uniform(&format!("images {step}"), rows * side * side * 3);
        let output = network.forward(images, rows).unwrap();
        let measured = nt_xent(output, &config).unwrap();
        losses.push(network.backward(measured.loss).unwrap());
        optimizer.step(device, &mut network.trainables(), optimizer.peak_learning_rate()).unwrap();
        network.parameters_changed().unwrap();
    }
    let features = network.encode(&uniform("images", 4 * side * side * 3), 4, BatchStatistics::Running).unwrap();
    let state_dict = network.state_dict().unwrap();
    let weights = state_dict.into_iter().filter(|tensor| !tensor.name.ends_with("bias"));
    let weights = weights.map(|tensor| (format!("{} after training", tensor.name), tensor.values));
    [("losses".to_owned(), losses), ("features".to_owned(), features)].into_iter().chain(weights).collect()
}

#[test]
fn training_steps_agree() {
    let Some(device) = device() else { return };
    let tiny = EncoderConfig::Tiny(TinyConfig { width: 0.5, ..TinyConfig::default() });
    // Without `zero_init_residual` the CPU's own weights change by a percent if the images change by a millionth.
    let resnet = ResnetConfig { width: 0.25, zero_init_residual: true, ..ResnetConfig::default() };
    let pooled = EncoderConfig::Resnet18(resnet);
    for optimizer in [
        r#"{"sgd": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": true, "weight_decay": 1e-4}}"#,
        r#"{"lars": {"learning_rate": 0.3, "trust": 0.01, "weight_decay": 1e-4}}"#,
    ] {
        for encoder in [&tiny, &pooled] {
            // In f32, since rounding errors of the other precisions grow from step to step.
            let ours = trained(&device, Precision::F32, encoder, optimizer);
            assert_agree(Precision::Tf32, &ours, &trained(&Cpu::default(), Precision::F32, encoder, optimizer));
        }
    }
}

/// Every call makes the context of its device current, whichever was before.
#[test]
fn two_devices_are_used_in_turn() {
    let Some(first) = device() else { return };
    let Ok(second) = cuda::open(1) else { return eprintln!("skipped, no second CUDA device") };
    let values = uniform("both", 1000);
    let on_both = [&first, &second].map(|device| (device, device.upload(values.clone()).unwrap()));
    for (device, buffer) in &on_both {
        assert_eq!(device.download(buffer).unwrap(), values);
    }
    for (run, other) in [(&first, &second), (&second, &first)] {
        other.download(&other.upload(values.clone()).unwrap()).unwrap();
        assert_agree(
            Precision::F32,
            &convolutions(run, Precision::F32),
            &convolutions(&Cpu::default(), Precision::F32),
        );
    }
}

/// The driver frees in the order of the current context's stream, whichever thread drops a buffer.
#[test]
fn buffers_are_dropped_by_threads_without_a_context_or_with_another_device() {
    let Some(device) = device() else { return };
    let values = uniform("dropped", 1000);
    let [first, second, kept] = [(); 3].map(|()| device.upload(values.clone()).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || drop(first));
        scope.spawn(move || {
            // Skipped with one device.
            let other = cuda::open(1).and_then(|other| other.upload(vec![1.0; 10]));
            drop(second);
            drop(other);
        });
    });
    assert_eq!(device.download(&kept).unwrap(), values);
}
