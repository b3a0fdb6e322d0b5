//! Synthetic images of one figure on a background, the class being the figure's shape.
//!
//! Colors, gradients and stripes of figure and background, position, size, angle and noise are sampled independently of
//! the class, and all shapes have the same area, so that neither colors nor averages reveal the class.

use super::outline::{Outline, Shape};
use super::paint::{self, Paint};
use crate::base::rng::{Rng, uniform};
use crate::imaging::{CHANNELS, Image};

/// Range of the square root of a figure's area, as a fraction of the image's side: large enough that a crop of a third
/// of the area still shows most of it.
const SIZE: [f32; 2] = [0.45, 0.6];
/// Maximum offset of a figure's center from the image's, along each axis.
const OFFSET: f32 = 0.08;
/// Maximum noise amplitude: noise is uniform in `[-noise, noise]`, with `noise` uniform in `[0, MAX_NOISE]`.
const MAX_NOISE: f32 = 0.06;

/// Renders an image of `side` x `side` pixels.
pub(crate) fn render(shape: Shape, side: usize, rng: &mut Rng) -> Image {
    let outline = Outline::of(shape);
    let size = uniform(SIZE[0], SIZE[1], rng);
    let center = [0.5 + uniform(-OFFSET, OFFSET, rng), 0.5 + uniform(-OFFSET, OFFSET, rng)];
    let (sin, cos) = uniform(0.0, std::f32::consts::TAU, rng).sin_cos();
    let (figure, background) = paint::contrasting(rng);
    let noise = uniform(0.0, MAX_NOISE, rng);
    let pixel = 1.0 / side as f32;
    let mut rgb = Vec::with_capacity(side * side * CHANNELS);
    for y in 0..side {
        for x in 0..side {
            let point = [(x as f32 + 0.5) * pixel, (y as f32 + 0.5) * pixel];
            let (dx, dy) = ((point[0] - center[0]) / size, (point[1] - center[1]) / size);
            let distance = outline.distance([cos * dx + sin * dy, cos * dy - sin * dx]) * size;
            let coverage = (0.5 - distance / pixel).clamp(0.0, 1.0);
            rgb.extend(shade(&figure, &background, coverage, point).map(|value| {
                let noisy = value + uniform(-noise, noise, rng);
                (noisy.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
            }));
        }
    }
    Image { width: side, height: side, rgb }
}

fn shade(figure: &Paint, background: &Paint, coverage: f32, point: [f32; 2]) -> [f32; CHANNELS] {
    let over = if coverage > 0.0 { figure.at(point) } else { [0.0; CHANNELS] };
    let under = if coverage < 1.0 { background.at(point) } else { [0.0; CHANNELS] };
    std::array::from_fn(|channel| coverage * over[channel] + (1.0 - coverage) * under[channel])
}
