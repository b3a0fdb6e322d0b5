//! The ways between weights and mapped weights.

use super::lines::{Line, WeightGradient, Weights};
use super::planes::{for_parts, planes};
use super::transform::transform;
use crate::nn::cpu::scratch::Scratch;

/// Weights that one thread maps at a time.
const FEW: usize = 1 << 11;

/// `[3, 3, plane]` to `[N, N, plane]`.
pub(super) fn map_weights<const N: usize>(weights: &[f32], mapped: &mut [f32])
where
    Weights: Line<3, N>,
{
    let plane = weights.len() / 9;
    for_parts(mapped, plane, plane, FEW, |part, mut to| {
        transform::<Weights, _, _, 3, N>(&planes(weights, plane, part), &mut to, false);
    });
}

/// Adds up `[N, N, plane]` sums and maps them to `[3, 3, plane]`.
pub(super) fn map_weight_gradient<const N: usize>(partial_sums: &[Scratch], weights: &mut [f32])
where
    WeightGradient: Line<N, 3>,
{
    let plane = weights.len() / 9;
    for_parts(weights, plane, plane, FEW, |part, mut to| {
        let mut sum = vec![0.0; N * N * part.len()];
        for partial in partial_sums {
            for (sum, partial) in sum.chunks_exact_mut(part.len()).zip(partial.chunks_exact(plane)) {
                for (sum, partial) in sum.iter_mut().zip(&partial[part.clone()]) {
                    *sum += partial;
                }
            }
        }
        transform::<WeightGradient, _, _, N, 3>(&planes(&sum, part.len(), 0..part.len()), &mut to, false);
    });
}
