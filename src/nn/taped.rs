//! Short names for dfdx tensors that carry a tape.

use crate::nn::Backend;
use dfdx::prelude::{OwnedTape, Tensor};

/// A matrix on dfdx's tape, `[rows, width]`.
pub type Taped<D> = Tensor<(usize, usize), f32, D, OwnedTape<f32, D>>;

/// A number on dfdx's tape: a loss.
pub type TapedScalar<D> = Tensor<(), f32, D, OwnedTape<f32, D>>;

/// The number that a scalar is; waits for the device where that queues its work.
pub fn number<D: Backend>(scalar: &Tensor<(), f32, D>) -> f32 {
    scalar.as_vec().first().copied().unwrap_or(f32::NAN)
}
