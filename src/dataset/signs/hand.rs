//! How one image writes a sign: pen, place, size, angle, slant, proportions, and a hand that shakes.

use super::Sign;
use super::stroke::{Line, Point};
use crate::base::rng::{Rng, normal, uniform};

/// Half the side of a sign's square, as a fraction of the image's side.
const SIZE: [f32; 2] = [0.25, 0.375];
/// Room kept around the center of a sign, as a multiple of `SIZE`: for turns, shaking and half the pen.
const MARGIN: f32 = 1.15;
/// Width of the pen as a fraction of half the side of a sign's square.
const PEN: [f32; 2] = [0.25, 0.4];
/// Angle at which a sign is written, in degrees to either side.
const ANGLE: f32 = 25.0;
/// Standard deviation of the slant: how far a point moves sideways per height.
const SLANT: f32 = 0.15;
/// Standard deviation of the logarithm of width and height.
const STRETCH: f32 = 0.12;
/// Standard deviation of each point of each stroke, in halves of the sign's side.
const SHAKE: f32 = 0.1;

/// A way to write, the same for all strokes of an image.
pub(super) struct Hand {
    center: Point,
    size: f32,
    pen: f32,
    /// From the sign's square to the image's directions: rows of a 2 x 2 matrix.
    turn: [[f32; 2]; 2],
}

impl Hand {
    pub(super) fn sample(rng: &mut Rng) -> Self {
        let size = uniform(SIZE[0], SIZE[1], rng);
        let free = 0.5 - MARGIN * size;
        let center = [0, 1].map(|_| 0.5 + uniform(-free, free, rng));
        let pen = size * uniform(PEN[0], PEN[1], rng);
        let (sin, cos) = uniform(-ANGLE, ANGLE, rng).to_radians().sin_cos();
        let [width, height] = [0, 1].map(|_| (STRETCH * normal(rng)).exp());
        let slant = SLANT * normal(rng);
        let turn = [[cos * width, cos * slant - sin * height], [sin * width, sin * slant + cos * height]];
        Self { center, size, pen, turn }
    }

    /// Half the pen's width, as a fraction of the image's side.
    pub(super) fn pen_radius(&self) -> f32 {
        self.pen / 2.0
    }

    /// The strokes of a sign in an image whose coordinates go from 0 to 1.
    pub(super) fn write(&self, sign: &Sign, rng: &mut Rng) -> [Line; 3] {
        sign.0.map(|stroke| stroke.map(|point| self.place(point.map(|at| at + SHAKE * normal(rng)))).line())
    }

    fn place(&self, [x, y]: Point) -> Point {
        std::array::from_fn(|axis| self.center[axis] + self.size * (self.turn[axis][0] * x + self.turn[axis][1] * y))
    }
}
