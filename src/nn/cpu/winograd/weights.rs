//! The transforms of weights and of their gradient.

use super::matrices::{FilterGradientTransform, FilterTransform, Transform1d};
use super::planes::{for_each_chunk, planes};
use super::transform::transform;
use crate::nn::cpu::scratch::Scratch;

/// FilterTransform that one task transforms.
const WEIGHTS_PER_TASK: usize = 1 << 11;

/// Transforms `[3, 3, plane]` to `[N, N, plane]`.
pub(super) fn transform_weights<const N: usize>(weights: &[f32], transformed: &mut [f32])
where
    FilterTransform: Transform1d<3, N>,
{
    let plane = weights.len() / 9;
    for_each_chunk(transformed, plane, plane, WEIGHTS_PER_TASK, |part, mut to| {
        transform::<FilterTransform, _, _, 3, N>(&planes(weights, plane, part), &mut to, false);
    });
}

/// Adds up partial sums `[N, N, plane]` and transforms the total to `[3, 3, plane]`.
pub(super) fn transform_weight_gradient<const N: usize>(partial_sums: &[Scratch], weights: &mut [f32])
where
    FilterGradientTransform: Transform1d<N, 3>,
{
    let plane = weights.len() / 9;
    for_each_chunk(weights, plane, plane, WEIGHTS_PER_TASK, |part, mut to| {
        let mut sum = vec![0.0; N * N * part.len()];
        for partial in partial_sums {
            for (sum, partial) in sum.chunks_exact_mut(part.len()).zip(partial.chunks_exact(plane)) {
                for (sum, partial) in sum.iter_mut().zip(&partial[part.clone()]) {
                    *sum += partial;
                }
            }
        }
        transform::<FilterGradientTransform, _, _, N, 3>(&planes(&sum, part.len(), 0..part.len()), &mut to, false);
    });
}
