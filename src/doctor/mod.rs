//! Is a device sound? Each of its operations, forward and backward, and whole training steps, held against the oracle of
//! plain dfdx operations on the CPU, on random numbers; and how fast its training step is.

pub mod check;

mod convolutions;
mod norms;
mod nt_xent;
mod optimizers;
mod pools;
pub mod timing;
mod training;

pub use check::{Check, Operation, examine};
pub use timing::{Timing, time};

use crate::base::rng;
use crate::train::Compute;

/// Every operation that is examined.
pub fn operations<D: Compute>() -> Vec<Operation<D>> {
    [convolutions::operations(), norms::operations(), pools::operations()]
        .into_iter()
        .flatten()
        .chain([nt_xent::operation()])
        .chain(optimizers::operations())
        .chain([training::operation()])
        .collect()
}

/// Numbers between -1 and 1, the same for the same name.
fn numbers(name: &str, length: usize) -> Vec<f32> {
    let mut rng = rng::stream(11, name, &[]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}
