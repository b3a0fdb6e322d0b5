//! The paint of a figure or background: a color with a gradient and stripes.

use crate::base::rng::{Rng, uniform};
use crate::imaging::CHANNELS;
use std::f32::consts::TAU;

/// Range of each channel of a color, so that gradient, stripes and noise seldom clip.
const COLOR: [f32; 2] = [0.1, 0.9];
/// Minimum distance between the colors of figure and background, so that the figure is visible.
const MIN_COLOR_DISTANCE: f32 = 0.45;
/// Maximum change of a gradient across the image.
const MAX_GRADIENT: f32 = 0.2;
/// Maximum amplitude of stripes.
const MAX_STRIPE_AMPLITUDE: f32 = 0.06;
/// Range of the number of stripes across an image.
const STRIPE_COUNT: [f32; 2] = [2.0, 8.0];

/// A color that changes over the image.
#[derive(Debug)]
pub(super) struct Paint {
    color: [f32; CHANNELS],
    gradient: [f32; 2],
    stripe_amplitude: f32,
    stripe_wave: [f32; 2],
    stripe_phase: f32,
}

/// Samples the paints of a figure and its background, resampling the figure's until the two differ enough.
pub(super) fn contrasting(rng: &mut Rng) -> (Paint, Paint) {
    let background = Paint::sample(rng);
    loop {
        let figure = Paint::sample(rng);
        let difference = figure.color.iter().zip(background.color).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        if difference >= MIN_COLOR_DISTANCE * MIN_COLOR_DISTANCE {
            return (figure, background);
        }
    }
}

impl Paint {
    fn sample(rng: &mut Rng) -> Self {
        let color = std::array::from_fn(|_| uniform(COLOR[0], COLOR[1], rng));
        let towards = |length: f32, rng: &mut Rng| {
            let (sin, cos) = uniform(0.0, TAU, rng).sin_cos();
            [length * cos, length * sin]
        };
        let change = uniform(0.0, MAX_GRADIENT, rng);
        let gradient = towards(change, rng);
        let waves = TAU * uniform(STRIPE_COUNT[0], STRIPE_COUNT[1], rng);
        let stripe_wave = towards(waves, rng);
        let stripe_amplitude = uniform(0.0, MAX_STRIPE_AMPLITUDE, rng);
        Self { color, gradient, stripe_amplitude, stripe_wave, stripe_phase: uniform(0.0, TAU, rng) }
    }

    /// Returns the color at a point of the image, both coordinates from 0 to 1.
    pub(super) fn at(&self, [x, y]: [f32; 2]) -> [f32; CHANNELS] {
        let slope = self.gradient[0] * (x - 0.5) + self.gradient[1] * (y - 0.5);
        let wave = (self.stripe_wave[0] * x + self.stripe_wave[1] * y + self.stripe_phase).sin();
        self.color.map(|value| value + slope + self.stripe_amplitude * wave)
    }
}
