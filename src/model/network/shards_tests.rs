//! Passes over shards do not hold on to more and more memory.

use crate::group::{Sharding, alone};
use crate::model::layers::IMAGE_CHANNELS;
use crate::model::{BatchNorm, EncoderConfig, ForwardMode, HeadNorm, Network, ProjectionConfig, TinyConfig};
use dfdx::prelude::*;

const SIDE: usize = 16;
const IMAGES: usize = 8;
/// Values of the two views of one image.
const LENGTH: usize = 2 * SIDE * SIDE * IMAGE_CHANNELS;

fn network(norm: BatchNorm) -> Network<Cpu> {
    let encoder = EncoderConfig::Tiny(TinyConfig { width: 0.25, ..TinyConfig::default() });
    let head = ProjectionConfig { layers: vec![10, 6], batch_norm: HeadNorm::All };
    Network::new(&encoder, head, SIDE, 3, &Cpu::default()).unwrap().with_batch_norm(norm)
}

#[test]
fn the_buffer_pool_does_not_grow_from_step_to_step() {
    let values: Vec<f32> = (0..LENGTH).map(|i| (i % 7) as f32 - 3.0).collect();
    for norm in [BatchNorm::Joint, BatchNorm::Shard] {
        let mut network = network(norm);
        let mut counts = Vec::new();
        for _ in 0..4 {
            let batch = Sharding::new(alone(), 4).unwrap().batch(IMAGES);
            let map = |images: usize| network.upload(values.repeat(images), 2 * images).unwrap();
            let maps = batch.own().iter().map(|own| map(own.len())).collect();
            let mut step = network.sharded_step(batch.clone());
            let (z, activations) = network.forward_shards(&mut step, maps, ForwardMode::Train).unwrap();
            network.backward_shards(&step, activations, z).unwrap();
            counts.push(network.buffers.count());
        }
        assert_eq!(counts[1], counts[3], "{norm:?}");
    }
}
