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
fn whole(mut network: Network<Cpu>) -> (f64, Vec<NamedTensor>, Vec<NamedTensor>) {
    let z = network.forward(images(), 2 * IMAGES).unwrap();
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

fn assert_close(ours: &[NamedTensor], theirs: &[NamedTensor], tolerance: f32) {
    let largest = theirs.iter().flat_map(|tensor| &tensor.values).fold(0.0f32, |max, value| max.max(value.abs()));
    for (ours, theirs) in ours.iter().zip(theirs) {
        for (a, b) in ours.values.iter().zip(&theirs.values) {
            assert!((a - b).abs() <= tolerance * largest, "{}: {a} {b}, largest {largest}", theirs.name);
        }
    }
}

#[test]
fn shards_with_joint_batch_norm_have_the_gradient_of_the_whole_batch() {
    let tiny = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
    let resnet = EncoderConfig::Resnet18(ResnetConfig { width: 0.125, stem: Stem::Cifar, ..ResnetConfig::default() });
    // Rounding errors grow with the depth; the golden values of ResNets are compared to 1e-4, too.
    for (encoder, tolerance) in [(tiny, 2e-5), (resnet, 1e-4)] {
        for head in [HeadNorm::None, HeadNorm::Hidden, HeadNorm::All] {
            for norm in [BatchNorm::Joint, BatchNorm::PerView] {
                let (loss, gradients, state) = whole(network(&encoder, head, norm));
                for shards in [2, 8] {
                    let (ours, our_gradients, our_state) = cut(network(&encoder, head, norm), shards);
                    assert!((ours - loss).abs() < 1e-5 * (1.0 + loss), "{head:?} {norm:?}: {ours} {loss}");
                    assert_close(&our_gradients, &gradients, tolerance);
                    assert_close(&our_state, &state, 1e-5);
                }
            }
        }
    }
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
