//! Checks of a device: each operation, forward and backward, and whole training steps are compared on random inputs
//! with the oracle, which uses plain dfdx operations on the CPU. Also measures the speed of training steps, and checks the
//! file system of a store.

pub(crate) mod check;

mod convolutions;
pub(crate) mod file_system;
mod losses;
mod norms;
mod optimizers;
mod pools;
pub(crate) mod timing;
mod training;

pub(crate) use check::{Check, Operation, check_operations};
pub(crate) use timing::{Timing, estimate, time};

use crate::base::rng;
use crate::train::Compute;

/// Returns every operation to check.
pub(crate) fn operations<D: Compute>() -> Vec<Operation<D>> {
    [convolutions::operations(), norms::operations(), pools::operations()]
        .into_iter()
        .flatten()
        .chain(losses::operations())
        .chain(optimizers::operations())
        .chain([training::operation()])
        .collect()
}

/// Returns reproducible random numbers in [-1, 1); each name has its own sequence.
fn numbers(name: &str, length: usize) -> Vec<f32> {
    let mut rng = rng::stream(11, name, &[]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}
