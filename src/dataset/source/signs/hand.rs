//! The random handwriting of an image: pen, position, size, angle, slant, proportions and jitter.

use super::Sign;
use super::stroke::{Point, Polyline};
use crate::base::rng::{Rng, normal, uniform};

/// Half the side of a sign's square, as a fraction of the image's side.
const SIZE: [f32; 2] = [0.25, 0.375];
/// Margin around the center of a sign, as a multiple of its size: for rotation, jitter and half the pen width.
const MARGIN: f32 = 1.15;
/// Width of the pen as a fraction of half the side of a sign's square.
const PEN: [f32; 2] = [0.25, 0.4];
/// Maximum rotation of a sign in either direction, in degrees.
const ANGLE: f32 = 25.0;
/// Standard deviation of the slant (horizontal shear).
const SLANT: f32 = 0.15;
/// Standard deviation of the logarithm of width and height.
const STRETCH: f32 = 0.12;
/// Standard deviation of the offset of each point of each stroke, as a fraction of half the side of the sign's square.
const JITTER: f32 = 0.1;

/// A handwriting, the same for all strokes of an image.
pub(super) struct Handwriting {
    center: Point,
    size: f32,
    pen: f32,
    /// Linear map from the sign's square to the image, as rows of a 2 x 2 matrix.
    transform: [[f32; 2]; 2],
}

impl Handwriting {
    pub(super) fn sample(rng: &mut Rng) -> Self {
        let size = uniform(SIZE[0], SIZE[1], rng);
        let free = 0.5 - MARGIN * size;
        let center = [0, 1].map(|_| 0.5 + uniform(-free, free, rng));
        let pen = size * uniform(PEN[0], PEN[1], rng);
        let (sin, cos) = uniform(-ANGLE, ANGLE, rng).to_radians().sin_cos();
        let [width, height] = [0, 1].map(|_| (STRETCH * normal(rng)).exp());
        let slant = SLANT * normal(rng);
        let transform = [[cos * width, cos * slant - sin * height], [sin * width, sin * slant + cos * height]];
        Self { center, size, pen, transform }
    }

    /// Returns half the pen width, as a fraction of the image's side.
    pub(super) fn pen_radius(&self) -> f32 {
        self.pen / 2.0
    }

    /// Returns the strokes of a sign in image coordinates from 0 to 1, with fresh jitter.
    pub(super) fn write(&self, sign: &Sign, rng: &mut Rng) -> [Polyline; 3] {
        sign.0.map(|stroke| stroke.map(|point| self.to_image(point.map(|at| at + JITTER * normal(rng)))).line())
    }

    fn to_image(&self, [x, y]: Point) -> Point {
        std::array::from_fn(|axis| {
            self.center[axis] + self.size * (self.transform[axis][0] * x + self.transform[axis][1] * y)
        })
    }
}
