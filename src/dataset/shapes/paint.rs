//! What a figure or background is painted with: a color, a gradient across it, stripes.

use crate::base::rng::{Rng, uniform};
use crate::imaging::CHANNELS;
use std::f32::consts::TAU;

/// Colors are drawn from this range of each channel, so that gradient, stripes and noise seldom clip.
const COLOUR: [f32; 2] = [0.1, 0.9];
/// Least distance between the colors of figure and background, so that the figure can be seen.
const DISTANCE: f32 = 0.45;
/// Most change of a gradient from one side of the image to the other.
const GRADIENT: f32 = 0.2;
/// Most height of stripes.
const STRIPES: f32 = 0.06;
/// Stripes across an image.
const STRIPE_COUNT: [f32; 2] = [2.0, 8.0];

/// A color that changes over the image.
#[derive(Debug)]
pub(super) struct Paint {
    color: [f32; CHANNELS],
    gradient: [f32; 2],
    stripe_height: f32,
    stripe_wave: [f32; 2],
    stripe_phase: f32,
}

/// Paints of a figure and its background, each drawn freely, the figure's again until the two differ enough.
pub(super) fn contrasting(rng: &mut Rng) -> (Paint, Paint) {
    let background = Paint::draw(rng);
    loop {
        let figure = Paint::draw(rng);
        let difference = figure.color.iter().zip(background.color).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        if difference >= DISTANCE * DISTANCE {
            return (figure, background);
        }
    }
}

impl Paint {
    fn draw(rng: &mut Rng) -> Self {
        let color = std::array::from_fn(|_| uniform(COLOUR[0], COLOUR[1], rng));
        let towards = |length: f32, rng: &mut Rng| {
            let (sin, cos) = uniform(0.0, TAU, rng).sin_cos();
            [length * cos, length * sin]
        };
        let change = uniform(0.0, GRADIENT, rng);
        let gradient = towards(change, rng);
        let waves = TAU * uniform(STRIPE_COUNT[0], STRIPE_COUNT[1], rng);
        let stripe_wave = towards(waves, rng);
        let stripe_height = uniform(0.0, STRIPES, rng);
        Self { color, gradient, stripe_height, stripe_wave, stripe_phase: uniform(0.0, TAU, rng) }
    }

    /// The color at a place of the image, both coordinates from 0 to 1.
    pub(super) fn at(&self, [x, y]: [f32; 2]) -> [f32; CHANNELS] {
        let slope = self.gradient[0] * (x - 0.5) + self.gradient[1] * (y - 0.5);
        let wave = (self.stripe_wave[0] * x + self.stripe_wave[1] * y + self.stripe_phase).sin();
        self.color.map(|value| value + slope + self.stripe_height * wave)
    }
}
