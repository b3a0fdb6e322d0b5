//! ResNets against torchvision in float64: output, loss, every gradient, running statistics after three steps of SGD,
//! inference, parameter counts. `tests/golden/resnet.py` generates the golden values and documents them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops by panicking")]

#[path = "common/sketch.rs"]
mod sketch;

use dfdx::prelude::*;
use serde::Deserialize;
use simclr::model::{BatchStatistics, EncoderConfig, Network, ResnetConfig, ResnetVariant, Stem, summarize};
use simclr::nn::{NamedTensor, Precision};
use sketch::{Sketch, TOLERANCE, assert_close, check_gradients, find, initial, uniform};

#[derive(Deserialize)]
struct Golden {
    arch: String,
    last_norm: String,
    stem: Stem,
    #[serde(rename = "flavour")]
    variant: ResnetVariant,
    side: usize,
    rows: usize,
    head: Vec<usize>,
    width: usize,
    rate: f32,
    trainable: u64,
    not_trainable: u64,
    seed: u64,
    torch_bf16: Bf16Errors,
    losses: Vec<f64>,
    output: Sketch,
    gradients: Vec<Sketch>,
    statistics: Vec<Sketch>,
    inference: Sketch,
}

/// Errors of PyTorch under bf16 autocast.
#[derive(Deserialize)]
struct Bf16Errors {
    output: f64,
    /// Mean over all gradients.
    gradients: f64,
}

fn encoder(golden: &Golden) -> EncoderConfig {
    let config = ResnetConfig { stem: golden.stem, variant: golden.variant, ..ResnetConfig::default() };
    match golden.arch.as_str() {
        "resnet18" => EncoderConfig::Resnet18(config),
        _ => EncoderConfig::Resnet50(config),
    }
}

struct GoldenRun<'a> {
    golden: &'a Golden,
    network: Network<Cpu>,
    images: Vec<f32>,
    targets: Tensor<(usize, usize), f32, Cpu>,
}

impl<'a> GoldenRun<'a> {
    fn new(golden: &'a Golden, precision: Precision) -> Self {
        let (rows, side, device) = (golden.rows, golden.side, Cpu::default());
        let network = Network::new(&encoder(golden), &golden.head, side, 0, &device).unwrap();
        let mut network = network.in_precision(precision);
        let state: Vec<NamedTensor> =
            network.state_dict().unwrap().iter().map(|tensor| initial(tensor, &golden.last_norm)).collect();
        network.load_state_dict(&state).unwrap();
        let images = uniform(&format!("pictures{}", golden.seed), rows * side * side * 3);
        let targets = uniform("targets", rows * golden.width).into_iter().map(|u| u as f32).collect();
        Self {
            golden,
            network,
            images: images.into_iter().map(|u| ((u + 1.0) / 2.0) as f32).collect(),
            targets: device.tensor_from_vec(targets, (rows, golden.width)),
        }
    }

    /// Runs forward and backward pass; returns output and loss, and leaves the gradients in the network.
    fn forward_backward(&mut self) -> (Vec<f32>, f32) {
        let output = self.network.forward(self.images.clone(), self.golden.rows).unwrap();
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
    let mut run = GoldenRun::new(&golden, Precision::F32);
    let mut losses = Vec::new();
    for step in 0..golden.losses.len() {
        let (output, loss) = run.forward_backward();
        losses.push(loss);
        if step == 0 {
            assert_close(&golden.output, &output);
            check_gradients(&golden.gradients, &run.network.gradients().unwrap());
        }
        run.step();
    }
    for (ours, theirs) in losses.iter().zip(&golden.losses) {
        assert!(
            (f64::from(*ours) - theirs).abs() < TOLERANCE * theirs,
            "losses {losses:?}, expected {:?}",
            golden.losses
        );
    }
    let state = run.network.state_dict().unwrap();
    for sketch in &golden.statistics {
        assert_close(sketch, &find(&state, sketch).values);
    }
    let features = run.network.encode(&run.images, golden.rows, BatchStatistics::Running).unwrap();
    let inference =
        run.network.project(&features, golden.rows, BatchStatistics::Running).unwrap().pop().unwrap_or(features);
    assert_close(&golden.inference, &inference);
}

/// Checks that errors in bf16 are about as large as PyTorch's under autocast. Rounding errors vary from tensor to
/// tensor, so their mean over all gradients is compared.
fn check_bf16(json: &str) {
    let golden: Golden = serde_json::from_str(json).unwrap();
    let mut run = GoldenRun::new(&golden, Precision::Bf16);
    let (output, _) = run.forward_backward();
    let gradients = run.network.gradients().unwrap();
    let sketches = golden.gradients.iter().filter(|sketch| sketch.norm > 1e-9);
    let errors: Vec<f64> = sketches.map(|sketch| sketch.error(&find(&gradients, sketch).values)).collect();
    let (theirs, ours) = (&golden.torch_bf16, errors.iter().sum::<f64>() / errors.len() as f64);
    assert!(ours < 1.25 * theirs.gradients, "gradients: {ours:.2e}, torch {:.2e}", theirs.gradients);
    let output = golden.output.error(&output);
    assert!(output < 2.5 * theirs.output, "output: {output:.2e}, torch {:.2e}", theirs.output);
}

#[test]
fn resnet18_with_a_head() {
    check(include_str!("golden/resnet18.json"));
}

#[test]
fn resnet18_in_bf16() {
    check_bf16(include_str!("golden/resnet18.json"));
}

#[test]
fn resnet18_with_the_cifar_stem() {
    check(include_str!("golden/resnet18_cifar.json"));
}

#[test]
fn resnet18_cifar_in_bf16() {
    check_bf16(include_str!("golden/resnet18_cifar.json"));
}

#[test]
fn resnet50() {
    check(include_str!("golden/resnet50.json"));
}

#[test]
fn resnet50_in_bf16() {
    check_bf16(include_str!("golden/resnet50.json"));
}

#[test]
fn resnet50_in_the_keras_variant_with_a_linear_head() {
    check(include_str!("golden/resnet50_keras.json"));
}

#[test]
fn resnet50_keras_in_bf16() {
    check_bf16(include_str!("golden/resnet50_keras.json"));
}
