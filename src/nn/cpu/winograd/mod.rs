//! 3x3 convolutions with stride 1 by Winograd's minimal filtering: a quarter to a half of the multiplications.

mod blocks;
mod grid;
mod lines;
mod mapped;
mod planes;
mod transform;
mod weights;

use crate::nn::Convolution;
use grid::Grid;

/// With fewer channels the maps cost more than the products save.
const FEWEST_CHANNELS: usize = 16;

/// How much of the output a tile covers.
#[derive(Clone, Copy)]
pub(super) enum Tiles {
    /// F(2x2, 3x3).
    Two,
    /// F(4x4, 3x3).
    Four,
}

impl Tiles {
    /// The best for a convolution, if this is the better way at all.
    pub(super) fn of(shape: &Convolution) -> Option<Self> {
        let channels = shape.inputs.min(shape.outputs);
        let suits = cfg!(target_arch = "x86_64") // elsewhere `Lanes` may be slow
            && shape.kernel == 3 && shape.stride == 1 && shape.padding < 3 && channels >= FEWEST_CHANNELS;
        let side = shape.output_side();
        let products = |tile: usize| (side.div_ceil(tile) * (tile + 2)).pow(2);
        match side {
            _ if !suits => None,
            1 | 3 => None, // most of a tile is waste
            _ if products(4) < products(2) => Some(Self::Four),
            _ => Some(Self::Two),
        }
    }

    /// `output = convolution(input, weights)`, or added to what is there.
    pub(super) fn forward(
        self,
        shape: &Convolution,
        input: &[f32],
        weights: &[f32],
        accumulate: bool,
        output: &mut [f32],
    ) {
        match self {
            Self::Two => blocks::forward(&Grid::<4, 2>::of(shape), input, weights, accumulate, output),
            Self::Four => blocks::forward(&Grid::<6, 4>::of(shape), input, weights, accumulate, output),
        }
    }

    /// The gradient of the weights.
    pub(super) fn of_weights(self, shape: &Convolution, input: &[f32], output_gradient: &[f32], weights: &mut [f32]) {
        match self {
            Self::Two => blocks::of_weights(&Grid::<4, 2>::of(shape), input, output_gradient, weights),
            Self::Four => blocks::of_weights(&Grid::<6, 4>::of(shape), input, output_gradient, weights),
        }
    }
}
