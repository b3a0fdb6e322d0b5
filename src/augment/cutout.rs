//! Cutout (DeVries and Taylor 2017): a square is filled with gray.

use crate::augment::config::CutoutConfig;
use crate::base::rng::{Rng, below};
use std::ops::Range;

/// Value of the square, halfway between black and white.
const GRAY: f32 = 0.5;

/// The rows and columns that are filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Rows.
    pub rows: Range<usize>,
    /// Columns.
    pub columns: Range<usize>,
}

/// Samples the square: its center is a uniformly random pixel, and it is clipped to the image, as in the paper.
pub fn sample(config: &CutoutConfig, side: usize, rng: &mut Rng) -> Hole {
    let length = ((side as f64 * config.size).round() as usize).max(1);
    let mut range = || {
        let center = below(side as u64, rng) as usize;
        let start = center.saturating_sub(length / 2);
        start..(center + length - length / 2).min(side)
    };
    Hole { rows: range(), columns: range() }
}

/// Fills the square of `[3, side, side]` with gray.
pub fn cutout(planes: &mut [f32], side: usize, hole: &Hole) {
    for plane in planes.chunks_exact_mut(side * side) {
        for row in plane.chunks_exact_mut(side).take(hole.rows.end).skip(hole.rows.start) {
            row[hole.columns.clone()].fill(GRAY);
        }
    }
}
