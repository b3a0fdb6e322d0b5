//! 3x3 convolutions with stride 1 by Winograd's minimal filtering: a quarter to a half of the multiplications.

mod blocks;
mod grid;
mod lines;
mod mapped;
mod planes;
mod transform;
mod weights;

use crate::nn::Convolution;
use crate::nn::cpu::element::Element;
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
    /// For the way forward, if this is the better way at all. In 32 bits always F(2x2): with F(4x4) forward the golden
    /// ResNets end several times their tolerance off, with F(4x4) on the way back alone they do not. The likely reason is
    /// that its rounding opens or closes a ReLU here and there. Against that of bfloat16 it is nothing.
    pub(super) fn of_output<E: Element>(shape: &Convolution) -> Option<Self> {
        match Self::of_gradient::<E>(shape)? {
            Self::Four if E::IS_SINGLE => Some(Self::Two),
            tiles => Some(tiles),
        }
    }

    /// For the way back, which is linear: whichever needs fewer products.
    pub(super) fn of_gradient<E: Element>(shape: &Convolution) -> Option<Self> {
        let channels = shape.inputs.min(shape.outputs);
        let suits = cfg!(target_arch = "x86_64") // elsewhere `Lanes` may be slow
            && shape.kernel == 3 && shape.stride == 1 && shape.padding < 3 && channels >= FEWEST_CHANNELS;
        let mostly_waste = matches!(shape.output_side(), 1 | 3);
        if !suits || mostly_waste || E::multiplies_fast() {
            return None;
        }
        let products = |tile: usize| (shape.output_side().div_ceil(tile) * (tile + 2)).pow(2);
        Some(if products(4) < products(2) { Self::Four } else { Self::Two })
    }

    /// `output = convolution(input, weights)`, or added to what is there.
    pub(super) fn forward<E: Element>(
        self,
        shape: &Convolution,
        input: &[E],
        weights: &[f32],
        accumulate: bool,
        output: &mut [E],
    ) {
        let weights = &E::rounded(weights);
        match self {
            Self::Two => blocks::forward(&Grid::<4, 2>::of(shape), input, weights, accumulate, output),
            Self::Four => blocks::forward(&Grid::<6, 4>::of(shape), input, weights, accumulate, output),
        }
    }

    /// The gradient of the weights.
    pub(super) fn of_weights<E: Element>(
        self,
        shape: &Convolution,
        input: &[E],
        output_gradient: &[E],
        weights: &mut [f32],
    ) {
        match self {
            Self::Two => blocks::of_weights(&Grid::<4, 2>::of(shape), input, output_gradient, weights),
            Self::Four => blocks::of_weights(&Grid::<6, 4>::of(shape), input, output_gradient, weights),
        }
    }
}
