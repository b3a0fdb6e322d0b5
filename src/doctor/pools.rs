//! Max-pooling and global average pooling.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::{Result, rng};
use crate::nn::{MaxPool, Precision, oracle};
use crate::train::Compute;
use dfdx::prelude::*;

const ROWS: usize = 8;
const CHANNELS: usize = 64;
const POOL: MaxPool = MaxPool { channels: CHANNELS, kernel: 3, stride: 2, padding: 1, side: 20 };
/// Pixels per image before global average pooling.
const AVERAGED: usize = 49;

pub(super) fn operations<D: Compute>() -> Vec<Operation<D>> {
    vec![Operation::new("max-pool 3x3, stride 2", max_pool), Operation::new("global average", average_pool)]
}

fn max_pool<D: Compute>(device: &D, precision: Precision) -> Result<Vec<Comparison>> {
    let values = distinct();
    let cotangent = device.upload_map(numbers("cotangent", ROWS * POOL.output_len()), precision)?;
    let (expected_output, expected_gradient) = {
        let host = Cpu::default();
        let input = host.tensor_from_vec(values.clone(), (ROWS * POOL.side * POOL.side, CHANNELS));
        let output = oracle::max_pool(&POOL, input.leaky_trace());
        let values = output.as_vec();
        let cotangent = host.tensor_from_vec(device.download_map(&cotangent)?, *output.shape());
        (values, (output * cotangent).sum().backward().get(&input).as_vec())
    };
    let input = device.upload_map(values, precision)?;
    let mut output = device.allocate_map(ROWS * POOL.output_len(), precision)?;
    device.max_pool(&POOL, &input, &mut output)?;
    let mut gradient = device.allocate_map(device.map_length(&input), precision)?;
    device.max_pool_gradient(&POOL, &input, &output, &cotangent, &mut gradient)?;
    Ok(vec![
        Comparison::new("forward", device.download_map(&output)?, expected_output),
        Comparison::new("backward", device.download_map(&gradient)?, expected_gradient),
    ])
}

/// Returns positive and negative integers, such that no two in a window are equal in any precision.
fn distinct() -> Vec<f32> {
    let mut rng = rng::stream(11, "distinct", &[]);
    let orders: Vec<Vec<usize>> = (0..CHANNELS).map(|_| rng::permutation(9, &mut rng)).collect();
    let mut values = Vec::with_capacity(ROWS * POOL.side * POOL.side * CHANNELS);
    for row in 0..ROWS {
        for pixel in 0..POOL.side * POOL.side {
            let (y, x) = (pixel / POOL.side, pixel % POOL.side);
            values.extend(orders.iter().map(|order| order[(x + 3 * y + row) % 9] as f32 - 4.0));
        }
    }
    values
}

fn average_pool<D: Compute>(device: &D, precision: Precision) -> Result<Vec<Comparison>> {
    let input = device.upload_map(numbers("input", ROWS * AVERAGED * CHANNELS), precision)?;
    let cotangent = numbers("cotangent", ROWS * CHANNELS);
    let (expected_output, expected_gradient) = {
        let host = Cpu::default();
        let input = host.tensor_from_vec(device.download_map(&input)?, (ROWS * AVERAGED, CHANNELS));
        let output = oracle::average_pool(input.leaky_trace(), ROWS);
        let values = output.as_vec();
        let cotangent = host.tensor_from_vec(cotangent.clone(), *output.shape());
        (values, (output * cotangent).sum().backward().get(&input).as_vec())
    };
    let mut output = device.allocate(ROWS * CHANNELS)?;
    device.average_pool(CHANNELS, &input, ROWS, &mut output)?;
    let mut gradient = device.allocate_map(device.map_length(&input), precision)?;
    device.average_pool_gradient(CHANNELS, &device.upload(cotangent)?, ROWS, &mut gradient)?;
    Ok(vec![
        Comparison::new("forward", device.download(&output)?, expected_output),
        Comparison::new("backward", device.download_map(&gradient)?, expected_gradient),
    ])
}
