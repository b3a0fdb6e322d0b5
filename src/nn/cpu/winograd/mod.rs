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
    /// For the way forward, if this is the better way at all. Always F(2x2): with F(4x4) forward the golden ResNets end
    /// several times their tolerance off, with F(4x4) on the way back only they do not. The likely reason is that its
    /// rounding opens or closes a ReLU here and there.
    pub(super) fn of_output(shape: &Convolution) -> Option<Self> {
        let channels = shape.inputs.min(shape.outputs);
        let suits = cfg!(target_arch = "x86_64") // elsewhere `Lanes` may be slow
            && shape.kernel == 3 && shape.stride == 1 && shape.padding < 3 && channels >= FEWEST_CHANNELS;
        let mostly_waste = matches!(shape.output_side(), 1 | 3);
        (suits && !mostly_waste).then_some(Self::Two)
    }

    /// For the way back, which is linear: whichever needs fewer products.
    pub(super) fn of_gradient(shape: &Convolution) -> Option<Self> {
        let products = |tile: usize| (shape.output_side().div_ceil(tile) * (tile + 2)).pow(2);
        let best = if products(4) < products(2) { Self::Four } else { Self::Two };
        Self::of_output(shape).map(|_| best)
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
