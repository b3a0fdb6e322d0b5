//! Multi-tensor updates: one pass over the elements of all parameters, on rayon's threads.

use crate::nn::{Role, Trainable};
use rayon::prelude::*;

/// Elements per chunk of work; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 16_384;

/// A chunk of one parameter with its gradient and the chunks of its state vectors.
pub(super) struct Chunk<'a> {
    pub(super) parameter: usize,
    pub(super) role: Role,
    pub(super) values: &'a mut [f32],
    pub(super) gradient: &'a mut [f32],
    pub(super) state: Vec<&'a mut [f32]>,
}

/// Calls `update` for each chunk of each parameter; `state` holds the same number of vectors for each parameter.
pub(super) fn update(
    parameters: &mut [Trainable<'_, Vec<f32>>],
    state: &mut [Vec<f32>],
    update: impl Fn(&mut Chunk<'_>) + Send + Sync,
) {
    let vectors = state.len() / parameters.len().max(1);
    let mut state = state.iter_mut();
    let mut chunks = Vec::new();
    for (parameter, trainable) in parameters.iter_mut().enumerate() {
        let role = trainable.role;
        let mut own: Vec<_> = state.by_ref().take(vectors).map(|vector| vector.chunks_mut(CHUNK)).collect();
        for (values, gradient) in trainable.values.chunks_mut(CHUNK).zip(trainable.gradient.chunks_mut(CHUNK)) {
            let state = own.iter_mut().filter_map(Iterator::next).collect();
            chunks.push(Chunk { parameter, role, values, gradient, state });
        }
    }
    chunks.par_iter_mut().for_each(update);
}

/// Returns the sum of squares of a vector in f64, the same for any number of threads.
pub(super) fn square_sum(values: &[f32]) -> f64 {
    let sums: Vec<f64> = values.par_chunks(CHUNK).map(chunk_square_sum).collect();
    sums.iter().sum()
}

fn chunk_square_sum(chunk: &[f32]) -> f64 {
    // Eight partial sums, which the compiler keeps in vector registers.
    let mut sums = [0.0; 8];
    for eight in chunk.chunks(sums.len()) {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    sums.iter().sum()
}
