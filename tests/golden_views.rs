//! Pretraining steps with all variants of batch norm (joint or per view, and in the projection head), tested against
//! PyTorch in float64. `tests/golden/views.py` computed the expected values; they are compared as in
//! `golden_resnet.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/sketch.rs"]
mod sketch;

use dfdx::prelude::*;
use serde::Deserialize;
use simclr::loss::{NtXentConfig, Similarity, nt_xent};
use simclr::model::{
    BatchNorm, BatchStatistics, EncoderConfig, HeadNorm, Network, ProjectionConfig, TinyConfig, summarize,
};
use simclr::nn::NamedTensor;
use sketch::{Sketch, TOLERANCE, assert_close, check_gradients, find, initial, uniform};

const SIDE: usize = 16;
const IMAGES: usize = 8;
/// Name of the last batch norm layer of a block.
const LAST_NORM: &str = "bn2";

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    batch_norm: BatchNorm,
    head_norm: HeadNorm,
    momentum: f64,
    epsilon: f64,
    head: Vec<usize>,
    temperature: f64,
    rate: f32,
    seed: u64,
    trainable: u64,
    not_trainable: u64,
    losses: Vec<f64>,
    output: Sketch,
    gradients: Vec<Sketch>,
    statistics: Vec<Sketch>,
    inference: Sketch,
}

impl Case {
    fn encoder(&self) -> EncoderConfig {
        let (bn_momentum, bn_epsilon) = (Some(self.momentum), Some(self.epsilon));
        EncoderConfig::Tiny(TinyConfig { bn_momentum, bn_epsilon, ..TinyConfig::default() })
    }

    fn head(&self) -> ProjectionConfig {
        ProjectionConfig { layers: self.head.clone(), batch_norm: self.head_norm }
    }

    /// Returns a network with the initial weights of the script.
    fn network(&self) -> Network<Cpu> {
        let network = Network::new(&self.encoder(), self.head(), SIDE, 0, &Cpu::default()).unwrap();
        let mut network = network.with_batch_norm(self.batch_norm);
        let state = network.state_dict().unwrap();
        let state: Vec<NamedTensor> = state.iter().map(|array| initial(array, LAST_NORM)).collect();
        network.load_state_dict(&state).unwrap();
        network
    }

    /// Returns views `[2 * IMAGES, SIDE, SIDE, 3]`; the second views have less contrast.
    fn views(&self) -> Vec<f32> {
        let length = IMAGES * SIDE * SIDE * 3;
        let numbers = uniform(&format!("pictures{}", self.seed), 2 * length).into_iter().map(|u| (u + 1.0) / 2.0);
        numbers.enumerate().map(|(i, x)| if i < length { x } else { 0.25 + 0.5 * x } as f32).collect()
    }

    fn check(&self) {
        let summary = summarize(&self.encoder(), self.head(), SIDE).unwrap();
        assert_eq!((summary.trainable, summary.not_trainable), (self.trainable, self.not_trainable));
        let (mut network, views) = (self.network(), self.views());
        let loss = NtXentConfig { temperature: self.temperature, similarity: Similarity::Cosine };
        for (step, expected) in self.losses.iter().enumerate() {
            let output = network.forward(views.clone(), 2 * IMAGES).unwrap();
            let values = output.as_vec();
            let loss = f64::from(network.backward(nt_xent(output, &loss).unwrap().loss).unwrap());
            assert!((loss - expected).abs() < TOLERANCE * expected, "step {step}: loss {loss} instead of {expected}");
            if step == 0 {
                assert_close(&self.output, &values);
                check_gradients(&self.gradients, &network.gradients().unwrap());
            }
            sgd_step(&mut network, self.rate);
        }
        let state = network.state_dict().unwrap();
        for sketch in &self.statistics {
            assert_close(sketch, &find(&state, sketch).values);
        }
        let features = network.encode(&views, 2 * IMAGES, BatchStatistics::Running).unwrap();
        let inference = network.project(&features, 2 * IMAGES, BatchStatistics::Running).unwrap().pop().unwrap();
        assert_close(&self.inference, &inference);
    }
}

fn sgd_step(network: &mut Network<Cpu>, rate: f32) {
    for trainable in network.trainables() {
        for (value, gradient) in trainable.values.iter_mut().zip(trainable.gradient) {
            *value -= rate * *gradient;
        }
    }
    network.parameters_changed().unwrap();
}

fn check(batch_norm: BatchNorm, head_norm: HeadNorm) {
    let golden: Golden = serde_json::from_str(include_str!("golden/views.json")).unwrap();
    let matches = |case: &&Case| case.batch_norm == batch_norm && case.head_norm == head_norm;
    golden.cases.iter().find(matches).expect("the case is in the file").check();
}

#[test]
fn joint_statistics_and_batch_norm_in_the_hidden_layers_of_the_head() {
    check(BatchNorm::Joint, HeadNorm::Hidden);
}

#[test]
fn joint_statistics_and_batch_norm_after_every_layer_of_the_head() {
    check(BatchNorm::Joint, HeadNorm::All);
}

#[test]
fn statistics_per_view() {
    check(BatchNorm::PerView, HeadNorm::None);
}

#[test]
fn statistics_per_view_also_in_the_head() {
    check(BatchNorm::PerView, HeadNorm::Hidden);
}

#[test]
fn statistics_per_view_after_every_layer_with_another_momentum_and_epsilon() {
    check(BatchNorm::PerView, HeadNorm::All);
}
