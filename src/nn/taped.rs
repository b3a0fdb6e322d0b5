//! Short names for dfdx tensors that carry a tape.

use crate::nn::Backend;
use dfdx::prelude::{OwnedTape, Tensor};

/// A matrix on dfdx's tape, `[rows, width]`.
pub type Taped<D> = Tensor<(usize, usize), f32, D, OwnedTape<f32, D>>;

/// A scalar on dfdx's tape, such as a loss.
pub type TapedScalar<D> = Tensor<(), f32, D, OwnedTape<f32, D>>;

/// Returns the value of a scalar tensor, as torch's `item()` does; waits for a device that queues its work.
pub fn item<D: Backend>(scalar: &Tensor<(), f32, D>) -> f32 {
    scalar.as_vec().first().copied().unwrap_or(f32::NAN)
}
