//! Cutout (DeVries and Taylor 2017): a square is blanked.

use crate::augment::config::CutoutConfig;
use crate::base::rng::{Rng, below};
use std::ops::Range;

/// What the square is filled with: the middle between black and white.
const GREY: f32 = 0.5;

/// Rows and columns that are blanked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Rows.
    pub rows: Range<usize>,
    /// Columns.
    pub columns: Range<usize>,
}

/// Draws the square: its center is any pixel, what lies outside the image is cut off, as in the paper.
pub fn draw(config: &CutoutConfig, side: usize, rng: &mut Rng) -> Hole {
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
            row[hole.columns.clone()].fill(GREY);
        }
    }
}
