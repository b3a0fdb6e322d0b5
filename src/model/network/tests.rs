//! A network trains, encodes, and is saved and loaded.

use crate::base::rng;
use crate::model::layers::IMAGE_CHANNELS;
use crate::model::{BatchNorm, BatchStatistics, HeadNorm, Network, ProjectionConfig};
use crate::model::{Depth, EncoderConfig, ResnetConfig, Stem, TinyConfig};
use crate::nn::Precision;
use dfdx::prelude::*;

const SIDE: usize = 16;
const ROWS: usize = 12;

fn tiny(head: &[usize], seed: u64) -> Network<Cpu> {
    let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
    Network::new(&encoder, head, SIDE, seed, &Cpu::default()).unwrap()
}

fn images() -> Vec<f32> {
    random_images(SIDE)
}

fn random_images(side: usize) -> Vec<f32> {
    let mut rng = rng::stream(1, "test", &[]);
    (0..ROWS * side * side * IMAGE_CHANNELS).map(|_| rng::unit(&mut rng)).collect()
}

fn step(network: &mut Network<Cpu>, rate: f32) -> f32 {
    let output = network.forward(images(), ROWS).unwrap();
    let loss = network.backward(output.square().mean()).unwrap();
    for trainable in network.trainables() {
        for (value, gradient) in trainable.values.iter_mut().zip(trainable.gradient) {
            *value -= rate * *gradient;
        }
    }
    network.parameters_changed().unwrap();
    loss
}

#[test]
fn the_buffer_pool_does_not_grow_from_step_to_step() {
    let pooled = EncoderConfig::Resnet18(ResnetConfig { width: 0.125, ..ResnetConfig::default() });
    let pooled = Network::new(&pooled, &[8], SIDE, 1, &Cpu::default()).unwrap();
    for mut network in [tiny(&[8], 1), pooled, tiny(&[8], 1).in_precision(Precision::Bf16)] {
        step(&mut network, 0.1);
        let count = network.buffers.count();
        for _ in 0..4 {
            step(&mut network, 0.1);
        }
        assert_eq!(network.buffers.count(), count);
        // Nor after forward passes without a backward pass.
        (0..4).for_each(|_| drop(network.forward(images(), ROWS).unwrap()));
        step(&mut network, 0.1);
        assert_eq!(network.buffers.count(), count);
    }
}

#[test]
fn training_lowers_the_loss() {
    for (head, precision) in [(&[][..], Precision::F32), (&[8], Precision::F32), (&[16, 8], Precision::Bf16)] {
        let mut network = tiny(head, 1).in_precision(precision);
        let first = step(&mut network, 0.1);
        let last = (0..20).map(|_| step(&mut network, 0.1)).last().unwrap();
        assert!(last < 0.8 * first, "{first} -> {last} with head {head:?} in {precision:?}");
    }
}

#[test]
fn encoder_weights_depend_on_the_seed_alone() {
    let first = tiny(&[16, 8], 5).state_dict().unwrap();
    let other = tiny(&[], 5).state_dict().unwrap();
    assert!(other.iter().all(|tensor| first.contains(tensor)));
    assert_ne!(tiny(&[], 6).state_dict().unwrap(), other);
}

#[test]
fn a_state_dict_transfers_to_another_network() {
    let mut from = tiny(&[8], 1);
    step(&mut from, 0.1);
    let mut to = tiny(&[8], 2);
    to.load_state_dict(&from.state_dict().unwrap()).unwrap();
    assert_eq!(to.state_dict().unwrap(), from.state_dict().unwrap());
    let features = |network: &Network<Cpu>, statistics| network.encode(&images(), ROWS, statistics).unwrap();
    for statistics in [BatchStatistics::Running, BatchStatistics::Batch] {
        assert_eq!(features(&to, statistics), features(&from, statistics));
    }
    let mut tuned = tiny(&[8], 3);
    tuned.load_encoder(&from.state_dict().unwrap()).unwrap();
    assert_eq!(features(&tuned, BatchStatistics::Running), features(&from, BatchStatistics::Running));
    assert_ne!(tuned.state_dict().unwrap(), from.state_dict().unwrap());
    let mut state = from.state_dict().unwrap();
    state.retain(|tensor| tensor.name != "layer2.0.bn1.running_var");
    let error = to.load_state_dict(&state).unwrap_err();
    assert!(error.to_string().contains("layer2.0.bn1.running_var"), "{error}");
    let error = tiny(&[9], 1).load_state_dict(&from.state_dict().unwrap()).unwrap_err();
    assert!(error.to_string().contains("head.0.weight"), "{error}");
}

#[test]
fn inference_with_batch_statistics_matches_the_training_forward() {
    let mut network = tiny(&[16, 8], 1);
    let features = network.encode(&images(), ROWS, BatchStatistics::Batch).unwrap();
    let outputs = network.project(&features, ROWS, BatchStatistics::Batch).unwrap();
    assert_eq!(network.widths(), [32, 16, 8]);
    assert_eq!(outputs.iter().map(Vec::len).collect::<Vec<_>>(), [ROWS * 16, ROWS * 8]);
    assert!(outputs[0].iter().all(|output| *output >= 0.0) && outputs[1].iter().any(|output| *output < 0.0));
    assert_eq!(network.forward(images(), ROWS).unwrap().as_vec(), outputs[1]);
}

/// Returns a network with batch norm after every layer of the head.
fn normed(seed: u64) -> Network<Cpu> {
    let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
    let head = ProjectionConfig { layers: vec![16, 8], batch_norm: HeadNorm::All };
    Network::new(&encoder, &head, SIDE, seed, &Cpu::default()).unwrap()
}

#[test]
fn batch_norm_of_the_head_is_saved_and_does_not_change_the_encoder() {
    let mut from = normed(1);
    step(&mut from, 0.1);
    let state = from.state_dict().unwrap();
    let names: Vec<&str> = state.iter().map(|tensor| tensor.name.as_str()).filter(|n| n.starts_with("head")).collect();
    let parameters = ["head.0.weight", "head.0.norm.weight", "head.0.norm.bias", "head.1.weight", "head.1.norm.weight"];
    assert_eq!(names[..5], parameters);
    let running =
        ["head.0.norm.running_mean", "head.0.norm.running_var", "head.1.norm.running_mean", "head.1.norm.running_var"];
    assert_eq!(names[5..], running);
    let mut to = normed(2);
    to.load_state_dict(&state).unwrap();
    assert_eq!(to.state_dict().unwrap(), state);
    // A network without batch norm in its head loads the encoder of one with it, and vice versa.
    tiny(&[4], 3).load_encoder(&state).unwrap();
    normed(3).load_encoder(&tiny(&[4], 1).state_dict().unwrap()).unwrap();
}

#[test]
fn batch_norm_of_the_head_with_batch_statistics_matches_the_training_forward() {
    let mut network = normed(1);
    let features = network.encode(&images(), ROWS, BatchStatistics::Batch).unwrap();
    let outputs = network.project(&features, ROWS, BatchStatistics::Batch).unwrap();
    assert_ne!(outputs, network.project(&features, ROWS, BatchStatistics::Running).unwrap());
    assert_eq!(network.forward(images(), ROWS).unwrap().as_vec(), outputs[1]);
}

#[test]
fn per_view_batch_norm_equals_two_calls_of_the_model() {
    let half = ROWS / 2 * SIDE * SIDE * IMAGE_CHANNELS;
    let mut two_calls = normed(1);
    let calls: Vec<f32> =
        images().chunks(half).flat_map(|view| two_calls.forward(view.to_vec(), ROWS / 2).unwrap().as_vec()).collect();
    let mut one_call = normed(1).with_batch_norm(BatchNorm::PerView);
    let output = one_call.forward(images(), ROWS).unwrap().as_vec();
    for (ours, theirs) in output.iter().zip(&calls) {
        assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
    }
    for (ours, theirs) in one_call.state_dict().unwrap().iter().zip(two_calls.state_dict().unwrap()) {
        for (ours, theirs) in ours.values.iter().zip(&theirs.values) {
            assert!((ours - theirs).abs() < 1e-5, "{ours} {theirs}");
        }
    }
    assert!(one_call.forward(images()[half / (ROWS / 2)..].to_vec(), ROWS - 1).is_err());
}

/// The tensors that torchvision's `zero_init_residual` sets to 0.
#[test]
fn zero_init_residual_zeroes_the_last_scale_of_each_block() {
    let zeros = |encoder: EncoderConfig| {
        let state = Network::new(&encoder, &[], 32, 1, &Cpu::default()).unwrap().state_dict().unwrap();
        let weights = state.into_iter().filter(|tensor| tensor.name.ends_with("weight"));
        let zero = weights.filter(|tensor| tensor.values.iter().all(|value| *value == 0.0));
        zero.map(|tensor| tensor.name).collect::<Vec<_>>()
    };
    let config = ResnetConfig { width: 0.125, zero_init_residual: true, ..ResnetConfig::default() };
    let blocks = |counts: [usize; 4], norm: &str| -> Vec<String> {
        let stages = counts.into_iter().enumerate();
        stages.flat_map(|(i, n)| (0..n).map(move |j| format!("layer{}.{j}.{norm}.weight", i + 1))).collect()
    };
    assert_eq!(zeros(EncoderConfig::Resnet18(config.clone())), blocks([2, 2, 2, 2], "bn2"));
    assert_eq!(zeros(EncoderConfig::Resnet50(config)), blocks([3, 4, 6, 3], "bn3"));
    assert!(zeros(EncoderConfig::Tiny(TinyConfig::default())).is_empty());
}

/// A directional derivative of the loss along the gradient of each stage's parameters.
#[test]
fn gradients_of_every_depth_match_finite_differences() {
    /// Change of the loss by a step, relative to the loss: far above rounding errors of f32.
    const CHANGE: f64 = 4e-3;
    for (depth, stem, side) in
        [(18, Stem::Imagenet, 32), (50, Stem::Cifar, 8), (101, Stem::Cifar, 8), (152, Stem::Imagenet, 32)]
    {
        let depth = Depth::try_from(depth).unwrap();
        let config = ResnetConfig { depth, stem, width: 0.0625, ..ResnetConfig::default() };
        let mut network = Network::new(&EncoderConfig::Resnet(config), &[6], side, 1, &Cpu::default()).unwrap();
        let images = random_images(side);
        let output = network.forward(images.clone(), ROWS).unwrap();
        assert_eq!(output.shape(), &(ROWS, 6));
        let loss = f64::from(network.backward(output.square().mean()).unwrap());
        let (start, gradients) = (network.state_dict().unwrap(), network.gradients().unwrap());
        for stage in ["conv1", "layer1", "layer2", "layer3", "layer4", "head"] {
            let in_stage = |name: &str| name.starts_with(stage);
            let of_stage = gradients.iter().filter(|gradient| in_stage(&gradient.name));
            let square: f64 =
                of_stage.flat_map(|gradient| &gradient.values).map(|value| f64::from(*value).powi(2)).sum();
            let step = CHANGE * loss / square;
            let mut loss_after = |step: f64| {
                let mut state = start.clone();
                for (tensor, gradient) in state.iter_mut().zip(&gradients).filter(|(_, g)| in_stage(&g.name)) {
                    assert_eq!(tensor.name, gradient.name);
                    for (value, gradient) in tensor.values.iter_mut().zip(&gradient.values) {
                        *value += (step * f64::from(*gradient)) as f32;
                    }
                }
                network.load_state_dict(&state).unwrap();
                let output = network.forward(images.clone(), ROWS).unwrap().as_vec();
                output.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / output.len() as f64
            };
            let slope = (loss_after(step) - loss_after(-step)) / (2.0 * step);
            assert!((slope / square - 1.0).abs() < 0.03, "{depth:?} {stage}: {slope} instead of {square}");
        }
    }
}

#[test]
fn misuse_is_an_error() {
    let mut network = tiny(&[8], 1);
    assert!(network.forward(images(), ROWS + 1).is_err());
    assert!(network.forward(Vec::new(), 0).is_err());
    assert!(network.encode(&[], 0, BatchStatistics::Running).is_err());
    let first = network.forward(images(), ROWS).unwrap();
    let second = network.forward(images(), ROWS).unwrap();
    assert!(network.backward(first.square().mean()).is_err());
    assert!(network.backward(second.square().mean()).is_err());
}

/// Every bit after three steps, with 1, 2 and 3 threads.
#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let state = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network = tiny(&[16, 8], 1);
            let losses: Vec<f32> = (0..3).map(|_| step(&mut network, 0.1)).collect();
            (losses, network.encode(&images(), ROWS, BatchStatistics::Running).unwrap(), network.state_dict().unwrap())
        })
    };
    let one = state(1);
    assert_eq!(one, state(2));
    assert_eq!(one, state(3));
}
