//! Rotation about the center, bilinear, black outside.

use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::{Rng, uniform};
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rotation about the center, with bilinear interpolation; pixels from outside the image are black.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomRotation {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Maximum angle; the angle is sampled uniformly from `[-degrees, degrees]`.
    #[schemars(range(min = 0))]
    pub degrees: f64,
}

impl Operator for RandomRotation {
    fn summary() -> &'static str {
        "Rotate about the center by a random angle."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng) {
        let (side, degrees) = (scratch.side, sample(self, rng));
        scratch.replace(|planes, rotated| rotate(planes, side, degrees, rotated));
    }
}

/// Samples the angle in degrees, counterclockwise.
fn sample(config: &RandomRotation, rng: &mut Rng) -> f32 {
    uniform(-config.degrees as f32, config.degrees as f32, rng)
}

vectorized! {
    /// Rotates `[3, side, side]` by `degrees` counterclockwise into `rotated` of the same shape.
    ///
    /// torchvision's `rotate(interpolation=BILINEAR)` without `fill`: pixels outside count as black. (With `fill=0`
    /// torchvision darkens the border twice.)
    pub fn rotate(planes: &[f32], side: usize, degrees: f32, rotated: &mut [f32]) {
        let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
        let center = (side as f64 - 1.0) / 2.0;
        for y in 0..side {
            for x in 0..side {
                let (dx, dy) = (x as f64 - center, y as f64 - center);
                let sample = BilinearSample::at(cos * dx - sin * dy + center, sin * dx + cos * dy + center, side);
                for (from, to) in planes.chunks_exact(side * side).zip(rotated.chunks_exact_mut(side * side)) {
                    to[y * side + x] = sample.interpolate(from);
                }
            }
        }
    }
}

/// The four pixels around a point with their bilinear weights; pixels outside have weight 0.
struct BilinearSample {
    indices: [usize; 4],
    weights: [f32; 4],
}

impl BilinearSample {
    #[inline(always)]
    fn at(x: f64, y: f64, side: usize) -> Self {
        let (left, top) = (x.floor(), y.floor());
        let (dx, dy) = (x - left, y - top);
        let inside = |at: f64| at >= 0.0 && at < side as f64;
        let mut sample = Self { indices: [0; 4], weights: [0.0; 4] };
        for corner in 0..4 {
            let (column, row) = (left + (corner % 2) as f64, top + (corner / 2) as f64);
            if inside(column) && inside(row) {
                let across = if corner % 2 == 0 { 1.0 - dx } else { dx };
                let down = if corner / 2 == 0 { 1.0 - dy } else { dy };
                sample.indices[corner] = row as usize * side + column as usize;
                sample.weights[corner] = (across * down) as f32;
            }
        }
        sample
    }

    #[inline(always)]
    fn interpolate(&self, plane: &[f32]) -> f32 {
        self.indices.iter().zip(self.weights).map(|(&index, weight)| plane[index] * weight).sum()
    }
}
