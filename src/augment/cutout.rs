//! Cutout (DeVries and Taylor 2017): a square is filled with gray.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::{Rng, below};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Cutout (DeVries and Taylor 2017): a square filled with gray, 0.5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cutout {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Side of the square as a fraction of the image size.
    #[serde(default = "half")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub size: f64,
}

impl Operator for Cutout {
    fn summary() -> &'static str {
        "Fill a random square with gray."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng) {
        let hole = sample(self, scratch.side, rng);
        cutout(&mut scratch.planes, scratch.side, &hole);
    }
}

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
fn sample(config: &Cutout, side: usize, rng: &mut Rng) -> Hole {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    #[test]
    fn squares_have_the_configured_side_and_are_clipped_to_the_image() {
        let mut rng = stream(1, "cutout", &[]);
        let holes: Vec<Hole> = (0..500).map(|_| sample(&Cutout { p: 1.0, size: 0.25 }, 16, &mut rng)).collect();
        assert!(holes.iter().all(|hole| hole.rows.end <= 16 && (2..=4).contains(&hole.rows.len())));
        assert!(holes.iter().any(|hole| hole.columns == (0..2)) && holes.iter().any(|hole| hole.columns == (13..16)));
    }
}
