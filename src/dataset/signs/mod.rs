//! Synthetic images of invented handwritten signs, one per image, the class being the sign.
//!
//! A sign is three pen strokes. Each image writes it again: with its own pen, place, size, slant, proportions, angle and
//! shaky hand, and with its own colors of ink and paper, none of which depends on the class.

mod alphabet;
mod color;
mod hand;
mod ink;
mod stroke;

pub use alphabet::alphabet;

use crate::base::rng::{Rng, chance, uniform};
use crate::imaging::{CHANNELS, Image};
use hand::Hand;
use ink::Page;
use stroke::Stroke;

/// Bounds of the noise's amplitude: each value of each pixel gets a uniform number in `[-amplitude, amplitude]`.
const NOISE: [f32; 2] = [0.015, 0.08];

/// An invented sign: three strokes in a square from -1 to 1, `y` pointing down.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign([Stroke; 3]);

/// Draws one image of a sign, `side` x `side` pixels.
///
/// `hue_only` is the probability that the ink has the luma of the paper and differs from it in hue alone. The same
/// stream gives the same writing, noise and hues for any value of it.
pub fn draw(sign: &Sign, hue_only: f64, side: usize, rng: &mut Rng) -> Image {
    let hand = Hand::sample(rng);
    let lines = hand.write(sign, rng);
    let page = Page::sample(chance(hue_only as f32, rng), rng);
    let noise = uniform(NOISE[0], NOISE[1], rng);
    let pixel = 1.0 / side as f32;
    let distances = stroke::distances(&lines, hand.pen_radius() + pixel, side);
    let mut rgb = Vec::with_capacity(distances.len() * CHANNELS);
    for (index, distance) in distances.into_iter().enumerate() {
        let place = [(index % side) as f32 + 0.5, (index / side) as f32 + 0.5].map(|at| at * pixel);
        let coverage = (0.5 - (distance - hand.pen_radius()) / pixel).clamp(0.0, 1.0);
        rgb.extend(page.color(place, coverage).map(|value| {
            let noisy = value + uniform(-noise, noise, rng);
            (noisy.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
        }));
    }
    Image { width: side, height: side, rgb }
}
