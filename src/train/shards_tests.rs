//! Passes over shards have the outputs, statistics and gradients of a pass over the whole batch.

use crate::base::rng;
use crate::group::{Sharding, alone};
use crate::loss::{ContrastiveLoss, LossConfig, NtXentConfig, Similarity, sharded_loss};
use crate::model::{
    BatchNorm, EncoderConfig, ForwardMode, HeadNorm, Network, ProjectionConfig, ResnetConfig, Stem, TinyConfig,
};
use crate::nn::NamedTensor;
use dfdx::prelude::*;

const SIDE: usize = 32;
const IMAGES: usize = 16;
/// Values of one image.
const LENGTH: usize = SIDE * SIDE * 3;

/// A temperature that does not multiply rounding errors.
fn loss() -> LossConfig {
    let similarity = Similarity::Cosine;
    LossConfig::NtXent(NtXentConfig { temperature: 0.5, similarity })
}

/// All first views, then all second views.
fn images() -> Vec<f32> {
    let mut random = rng::stream(2, "test", &[]);
    (0..2 * IMAGES * LENGTH).map(|_| rng::normal(&mut random)).collect()
}

fn network(encoder: &EncoderConfig, head: HeadNorm, norm: BatchNorm) -> Network<Cpu> {
    let head = ProjectionConfig { layers: vec![10, 6], batch_norm: head };
    Network::new(encoder, head, SIDE, 3, &Cpu::default()).unwrap().with_batch_norm(norm)
}

/// Loss, gradients and state of a network after a pass over the whole batch.
fn whole(network: Network<Cpu>) -> (f64, Vec<NamedTensor>, Vec<NamedTensor>) {
    whole_in_order(network, |image| image)
}

/// The same with the images in another order, which changes nothing but rounding.
fn whole_in_order(
    mut network: Network<Cpu>,
    order: impl Fn(usize) -> usize,
) -> (f64, Vec<NamedTensor>, Vec<NamedTensor>) {
    let all = images();
    let rows = (0..2 * IMAGES).map(|row| row / IMAGES * IMAGES + order(row % IMAGES));
    let images = rows.flat_map(|row| all[row * LENGTH..][..LENGTH].to_vec()).collect();
    let z = network.forward(images, 2 * IMAGES).unwrap();
    let loss = loss().evaluate(z).unwrap().loss;
    let loss = network.backward(loss).unwrap();
    (f64::from(loss), network.gradients().unwrap(), network.state_dict().unwrap())
}

/// The same after a pass over shards.
fn cut(mut network: Network<Cpu>, shards: usize) -> (f64, Vec<NamedTensor>, Vec<NamedTensor>) {
    let batch = Sharding::new(alone(), shards).unwrap().batch(IMAGES);
    let all = images();
    let view = |view: usize, own: &std::ops::Range<usize>| {
        all[(view * IMAGES + own.start) * LENGTH..(view * IMAGES + own.end) * LENGTH].to_vec()
    };
    let of_shard =
        |own: &std::ops::Range<usize>| network.upload([view(0, own), view(1, own)].concat(), 2 * own.len()).unwrap();
    let maps = batch.own().iter().map(of_shard).collect();
    let mut step = network.sharded_step(batch.clone());
    let (z, activations) = network.forward_shards(&mut step, maps, ForwardMode::Train).unwrap();
    let loss = sharded_loss(&loss(), &batch, &z).unwrap();
    network.backward_shards(&step, activations, loss.gradients).unwrap();
    network.finish_shards(&mut step).unwrap();
    network.sum_gradients(&batch).unwrap();
    (loss.loss, network.gradients().unwrap(), network.state_dict().unwrap())
}

/// The maximum difference of two sets of tensors, relative to the largest value.
fn difference(ours: &[NamedTensor], theirs: &[NamedTensor]) -> f32 {
    let values = |tensors: &[NamedTensor]| -> Vec<f32> { tensors.iter().flat_map(|one| one.values.clone()).collect() };
    let (ours, theirs) = (values(ours), values(theirs));
    assert_eq!(ours.len(), theirs.len());
    let largest = theirs.iter().fold(0.0f32, |max, value| max.max(value.abs()));
    ours.iter().zip(&theirs).fold(0.0f32, |max, (a, b)| max.max((a - b).abs())) / largest
}

fn assert_close(ours: &[NamedTensor], theirs: &[NamedTensor], tolerance: f32) {
    let difference = difference(ours, theirs);
    assert!(difference <= tolerance, "{difference}, and {tolerance} are allowed");
}

const HEADS: [HeadNorm; 3] = [HeadNorm::None, HeadNorm::Hidden, HeadNorm::All];
const JOINT: [BatchNorm; 2] = [BatchNorm::Joint, BatchNorm::PerView];

#[test]
fn shards_with_joint_batch_norm_have_the_gradient_of_the_whole_batch() {
    let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
    for (head, norm) in HEADS.into_iter().flat_map(|head| JOINT.map(|norm| (head, norm))) {
        let (loss, gradients, state) = whole(network(&encoder, head, norm));
        for shards in [2, 8] {
            let (ours, our_gradients, our_state) = cut(network(&encoder, head, norm), shards);
            assert!((ours - loss).abs() < 1e-5 * (1.0 + loss), "{head:?} {norm:?}: {ours} {loss}");
            assert_close(&our_gradients, &gradients, 2e-5);
            assert_close(&our_state, &state, 1e-5);
        }
    }
}

/// Rounding errors grow with the depth, and a ReLU that opens or closes by one makes a step. How much of it is allowed is
/// measured: the whole batch in other orders has the same gradient, too.
#[test]
fn shards_of_a_resnet_differ_from_the_whole_batch_as_its_orders_differ_among_themselves() {
    let encoder = EncoderConfig::Resnet18(ResnetConfig { width: 0.125, stem: Stem::Cifar, ..ResnetConfig::default() });
    let (mut of_orders, mut of_shards) = (0.0f32, 0.0f32);
    for (head, norm) in HEADS.into_iter().flat_map(|head| JOINT.map(|norm| (head, norm))) {
        let new = || network(&encoder, head, norm);
        let (loss, gradients, state) = whole(new());
        let orders: [fn(usize) -> usize; 3] = [|i| IMAGES - 1 - i, |i| (i + 5) % IMAGES, |i| i * 7 % IMAGES];
        for order in orders {
            of_orders = of_orders.max(difference(&whole_in_order(new(), order).1, &gradients));
        }
        for shards in [2, 8] {
            let (ours, our_gradients, our_state) = cut(new(), shards);
            assert!((ours - loss).abs() < 1e-5 * (1.0 + loss), "{head:?} {norm:?}: {ours} {loss}");
            assert_close(&our_state, &state, 1e-5);
            of_shards = of_shards.max(difference(&our_gradients, &gradients));
        }
    }
    assert!(of_shards <= 2.0 * of_orders, "{of_shards} of shards, {of_orders} of orders");
}

#[test]
fn batch_norm_over_one_shard_is_that_of_the_whole_batch() {
    let tiny = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
    let (loss, gradients, state) = whole(network(&tiny, HeadNorm::All, BatchNorm::Joint));
    let (ours, our_gradients, our_state) = cut(network(&tiny, HeadNorm::All, BatchNorm::Shard), 1);
    assert!((ours - loss).abs() < 1e-5 * (1.0 + loss));
    assert_close(&our_gradients, &gradients, 2e-5);
    assert_close(&our_state, &state, 1e-5);
}
