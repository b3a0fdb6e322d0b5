//! ResNets held to torchvision's in float64: output, loss, every gradient, running statistics after three steps of
//! SGD, inference, counts. `tests/golden/resnet.py` made the numbers and says how they are measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

use dfdx::prelude::*;
use serde::Deserialize;
use simclr::model::config::{EncoderConfig, Flavour, ResnetConfig, Stem};
use simclr::model::{BatchStatistics, Network, summarize};
use simclr::nn::{NamedArray, Precision};

const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    arch: String,
    last_norm: String,
    stem: Stem,
    flavour: Flavour,
    side: usize,
    rows: usize,
    head: Vec<usize>,
    width: usize,
    rate: f32,
    trainable: u64,
    not_trainable: u64,
    seed: u64,
    torch_bf16: HalfErrors,
    losses: Vec<f64>,
    output: Sketch,
    gradients: Vec<Sketch>,
    statistics: Vec<Sketch>,
    inference: Sketch,
}

/// Errors of torch under bf16 autocast.
#[derive(Deserialize)]
struct HalfErrors {
    output: f64,
    /// The mean over all gradients.
    gradients: f64,
}

#[derive(Deserialize)]
struct Sketch {
    name: String,
    shape: Vec<usize>,
    norm: f64,
    largest: f64,
    products: Vec<f64>,
    samples: Vec<f64>,
}

impl Sketch {
    /// The largest difference, relative to the norm (norm, products) or to the largest entry (samples).
    fn error(&self, values: &[f32]) -> f64 {
        assert_eq!(values.len(), self.shape.iter().product::<usize>(), "{}", self.name);
        let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let products = self.products.iter().enumerate().map(|(i, product)| {
            let vector = uniform(&format!("product{i} {}", self.name), values.len());
            let ours: f64 = vector.iter().zip(values).map(|(a, b)| a * f64::from(*b)).sum();
            (ours - product).abs() / self.norm
        });
        let samples = self.samples.iter().enumerate().map(|(i, sample)| {
            let place = ((i as u128 * 7919 + u128::from(fnv(&self.name))) % values.len() as u128) as usize;
            (f64::from(values[place]) - sample).abs() / self.largest
        });
        products.chain(samples).chain([(norm - self.norm).abs() / self.norm]).fold(0.0, nan_wins)
    }
}

fn nan_wins(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// Numbers in [-1, 1) with 24 bits: splitmix64 of (name, index).
fn uniform(name: &str, length: usize) -> Vec<f64> {
    let start = fnv(name);
    let number = |i: u64| {
        let z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(start);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (1..=length as u64).map(number).collect()
}

/// The script's `initial`, for parameters; running statistics stay as they are.
fn initial(array: &NamedArray, last_norm: &str) -> NamedArray {
    let value = |u: f64| {
        if array.shape.len() > 1 {
            u * (6.0 / array.shape[1..].iter().product::<usize>() as f64).sqrt()
        } else if array.name.ends_with(&format!("{last_norm}.weight")) {
            0.25 + 0.0625 * u
        } else if array.name.ends_with("weight") {
            1.0 + 0.25 * u
        } else {
            0.25 * u
        }
    };
    if array.name.contains("running") {
        return array.clone();
    }
    let values = uniform(&array.name, array.values.len()).into_iter().map(|u| value(u) as f32).collect();
    NamedArray { values, ..array.clone() }
}

fn encoder(golden: &Golden) -> EncoderConfig {
    let config = ResnetConfig { width: 1.0, stem: golden.stem, flavour: golden.flavour };
    match golden.arch.as_str() {
        "resnet18" => EncoderConfig::Resnet18(config),
        _ => EncoderConfig::Resnet50(config),
    }
}

struct Run<'a> {
    golden: &'a Golden,
    network: Network<Cpu>,
    pictures: Vec<f32>,
    targets: Tensor<(usize, usize), f32, Cpu>,
}

impl<'a> Run<'a> {
    fn new(golden: &'a Golden, precision: Precision) -> Self {
        let (rows, side, device) = (golden.rows, golden.side, Cpu::default());
        let network = Network::new(&encoder(golden), &golden.head, side, 0, &device).unwrap();
        let mut network = network.in_precision(precision);
        let state: Vec<NamedArray> =
            network.state().unwrap().iter().map(|array| initial(array, &golden.last_norm)).collect();
        network.load_state(&state).unwrap();
        let pictures = uniform(&format!("pictures{}", golden.seed), rows * side * side * 3);
        let targets = uniform("targets", rows * golden.width).into_iter().map(|u| u as f32).collect();
        Self {
            golden,
            network,
            pictures: pictures.into_iter().map(|u| ((u + 1.0) / 2.0) as f32).collect(),
            targets: device.tensor_from_vec(targets, (rows, golden.width)),
        }
    }

    /// Output and loss; the gradients stay in the network.
    fn pass(&mut self) -> (Vec<f32>, f32) {
        let output = self.network.forward(self.pictures.clone(), self.golden.rows).unwrap();
        let values = output.as_vec();
        let loss = (output - self.targets.clone()).square().mean();
        (values, self.network.backward(loss).unwrap())
    }

    fn step(&mut self) {
        for trainable in self.network.trainables() {
            for (value, gradient) in trainable.values.iter_mut().zip(trainable.gradient) {
                *value -= self.golden.rate * *gradient;
            }
        }
        self.network.parameters_changed().unwrap();
    }
}

fn check(json: &str) {
    let golden: Golden = serde_json::from_str(json).unwrap();
    let summary = summarize(&encoder(&golden), &golden.head, golden.side).unwrap();
    assert_eq!((summary.trainable, summary.not_trainable), (golden.trainable, golden.not_trainable));
    let mut run = Run::new(&golden, Precision::F32);
    let mut losses = Vec::new();
    for step in 0..golden.losses.len() {
        let (output, loss) = run.pass();
        losses.push(loss);
        if step == 0 {
            assert_close(&golden.output, &output);
            check_gradients(&golden, &run.network.gradients().unwrap());
        }
        run.step();
    }
    for (ours, theirs) in losses.iter().zip(&golden.losses) {
        assert!(
            (f64::from(*ours) - theirs).abs() < TOLERANCE * theirs,
            "losses {losses:?} against {:?}",
            golden.losses
        );
    }
    let state = run.network.state().unwrap();
    for sketch in &golden.statistics {
        assert_close(sketch, &find(&state, sketch).values);
    }
    let features = run.network.encode(&run.pictures, golden.rows, BatchStatistics::Running).unwrap();
    let inference = run.network.project(&features, golden.rows).unwrap().pop().unwrap_or(features);
    assert_close(&golden.inference, &inference);
}

/// In bfloat16 the errors are of the size that torch's are under autocast. Roundings are as good as random, so a single
/// array may come out better here or there; over all gradients they even out.
fn check_half(json: &str) {
    let golden: Golden = serde_json::from_str(json).unwrap();
    let mut run = Run::new(&golden, Precision::Bf16);
    let (output, _) = run.pass();
    let gradients = run.network.gradients().unwrap();
    let sketches = golden.gradients.iter().filter(|sketch| sketch.norm > 1e-9);
    let errors: Vec<f64> = sketches.map(|sketch| sketch.error(&find(&gradients, sketch).values)).collect();
    let (theirs, ours) = (&golden.torch_bf16, errors.iter().sum::<f64>() / errors.len() as f64);
    assert!(ours < 1.25 * theirs.gradients, "gradients: {ours:.2e}, torch {:.2e}", theirs.gradients);
    let output = golden.output.error(&output);
    assert!(output < 2.5 * theirs.output, "output: {output:.2e}, torch {:.2e}", theirs.output);
}

/// Every gradient; but a bias before a batch norm has none, so there ours is held against the weights' beside it.
fn check_gradients(golden: &Golden, gradients: &[NamedArray]) {
    assert_eq!(golden.gradients.len(), gradients.len());
    let mut weights = 0.0;
    for sketch in &golden.gradients {
        let values = &find(gradients, sketch).values;
        if sketch.norm > 1e-9 {
            assert_close(sketch, values);
            weights = sketch.largest;
        } else {
            let largest = values.iter().fold(0.0, |largest, value| nan_wins(largest, f64::from(value.abs())));
            assert!(largest < TOLERANCE * weights, "{}: {largest} instead of 0", sketch.name);
        }
    }
}

fn find<'a>(arrays: &'a [NamedArray], sketch: &Sketch) -> &'a NamedArray {
    let array = arrays.iter().find(|array| array.name == sketch.name);
    let array = array.unwrap_or_else(|| panic!("no {}", sketch.name));
    assert_eq!(array.shape, sketch.shape, "{}", sketch.name);
    array
}

fn assert_close(sketch: &Sketch, values: &[f32]) {
    let error = sketch.error(values);
    assert!(error < TOLERANCE, "{}: relative error {error:.1e}", sketch.name);
}

#[test]
fn resnet18_with_a_head() {
    check(include_str!("golden/resnet18.json"));
}

#[test]
fn resnet18_in_bf16() {
    check_half(include_str!("golden/resnet18.json"));
}

#[test]
fn resnet18_with_the_cifar_stem() {
    check(include_str!("golden/resnet18_cifar.json"));
}

#[test]
fn resnet18_cifar_in_bf16() {
    check_half(include_str!("golden/resnet18_cifar.json"));
}

#[test]
fn resnet50() {
    check(include_str!("golden/resnet50.json"));
}

#[test]
fn resnet50_in_bf16() {
    check_half(include_str!("golden/resnet50.json"));
}

#[test]
fn resnet50_in_the_keras_flavour_with_a_linear_head() {
    check(include_str!("golden/resnet50_keras.json"));
}

#[test]
fn resnet50_keras_in_bf16() {
    check_half(include_str!("golden/resnet50_keras.json"));
}
