//! Short names for dfdx tensors that carry a tape.

use dfdx::prelude::{OwnedTape, Tensor};

/// A matrix on dfdx's tape, `[rows, width]`.
pub type Traced<D> = Tensor<(usize, usize), f32, D, OwnedTape<f32, D>>;

/// A number on dfdx's tape: a loss.
pub type TracedScalar<D> = Tensor<(), f32, D, OwnedTape<f32, D>>;
