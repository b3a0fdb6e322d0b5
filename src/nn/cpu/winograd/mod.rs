//! 3x3 convolutions with stride 1 by Winograd's minimal filtering, with 25 % to 44 % of the multiplications.

mod blocks;
mod grid;
mod matrices;
mod planes;
mod transform;
mod transformed;
mod weights;

use crate::nn::Convolution;
use crate::nn::cpu::element::Element;
use grid::TileGrid;

/// With fewer channels the transforms cost more than the matmuls save.
const MIN_CHANNELS: usize = 16;

/// The output size of a tile.
#[derive(Clone, Copy)]
pub(super) enum TileSize {
    /// F(2x2, 3x3).
    F2x2,
    /// F(4x4, 3x3).
    F4x4,
}

impl TileSize {
    /// Returns the tile size for the forward pass, or `None` if direct convolution is faster. In f32 it is always
    /// F(2x2): with F(4x4) in the forward pass the golden ResNets exceed their tolerance several times, with F(4x4) in
    /// the backward pass alone they do not. The likely reason is that its rounding errors switch a few ReLUs. They are
    /// negligible beside those of bf16.
    pub(super) fn for_forward<E: Element>(shape: &Convolution) -> Option<Self> {
        match Self::for_backward::<E>(shape)? {
            Self::F4x4 if E::IS_F32 => Some(Self::F2x2),
            tiles => Some(tiles),
        }
    }

    /// Returns the tile size for the backward pass, which is linear: whichever needs fewer multiplications.
    pub(super) fn for_backward<E: Element>(shape: &Convolution) -> Option<Self> {
        let channels = shape.inputs.min(shape.outputs);
        let is_supported = cfg!(target_arch = "x86_64") // elsewhere `Lanes` may be slow
            && shape.kernel == 3 && shape.stride == 1 && shape.padding < 3 && channels >= MIN_CHANNELS;
        let mostly_waste = matches!(shape.output_side(), 1 | 3);
        if !is_supported || mostly_waste || E::has_fast_matmul() {
            return None;
        }
        let multiplications = |tile: usize| (shape.output_side().div_ceil(tile) * (tile + 2)).pow(2);
        Some(if multiplications(4) < multiplications(2) { Self::F4x4 } else { Self::F2x2 })
    }

    /// Computes `output = convolution(input, weights)`, or adds it to `output` if `accumulate` is set.
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
            Self::F2x2 => blocks::forward(&TileGrid::<4, 2>::of(shape), input, weights, accumulate, output),
            Self::F4x4 => blocks::forward(&TileGrid::<6, 4>::of(shape), input, weights, accumulate, output),
        }
    }

    /// Computes the gradient of the weights.
    pub(super) fn of_weights<E: Element>(
        self,
        shape: &Convolution,
        input: &[E],
        output_gradient: &[E],
        weights: &mut [f32],
    ) {
        match self {
            Self::F2x2 => blocks::of_weights(&TileGrid::<4, 2>::of(shape), input, output_gradient, weights),
            Self::F4x4 => blocks::of_weights(&TileGrid::<6, 4>::of(shape), input, output_gradient, weights),
        }
    }
}
