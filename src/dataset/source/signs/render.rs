//! Synthetic images of invented handwritten signs, one per image, the class being the sign.
//!
//! A sign is three pen strokes. Each image has its own pen, position, size, slant, proportions, angle and jitter, and
//! its own colors of ink and paper, none of which depends on the class.

use super::hand::Handwriting;
use super::ink::Page;
use super::stroke::{self, Stroke};
use crate::base::rng::{Rng, chance, uniform};
use crate::imaging::{CHANNELS, Image};

/// Range of the noise amplitude: each channel of each pixel gets uniform noise in `[-amplitude, amplitude]`.
const NOISE: [f32; 2] = [0.015, 0.08];

/// An invented sign: three strokes in a square from -1 to 1, `y` pointing down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sign(pub(super) [Stroke; 3]);

/// Renders an image of a sign with `side` x `side` pixels.
///
/// `hue_only` is the probability that the ink has the luma of the paper and differs only in hue. The same random stream
/// gives the same handwriting, noise and hues for any value of it.
pub(crate) fn render(sign: &Sign, hue_only: f64, side: usize, rng: &mut Rng) -> Image {
    let hand = Handwriting::sample(rng);
    let lines = hand.write(sign, rng);
    let page = Page::sample(chance(hue_only as f32, rng), rng);
    let noise = uniform(NOISE[0], NOISE[1], rng);
    let pixel = 1.0 / side as f32;
    let distances = stroke::distances(&lines, hand.pen_radius() + pixel, side);
    let mut rgb = Vec::with_capacity(distances.len() * CHANNELS);
    for (index, distance) in distances.into_iter().enumerate() {
        let point = [(index % side) as f32 + 0.5, (index / side) as f32 + 0.5].map(|at| at * pixel);
        let coverage = (0.5 - (distance - hand.pen_radius()) / pixel).clamp(0.0, 1.0);
        rgb.extend(page.color(point, coverage).map(|value| {
            let noisy = value + uniform(-noise, noise, rng);
            (noisy.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
        }));
    }
    Image { width: side, height: side, rgb }
}
