//! The colors of paper and ink of an image.

use super::color::color;
use super::stroke::Point;
use crate::base::rng::{Rng, chance, uniform};
use crate::imaging::CHANNELS;
use std::f32::consts::TAU;

/// Range of the paper's luma at the center of the image.
const LUMA: [f32; 2] = [0.35, 0.65];
/// Maximum change of the paper's luma from the center to either side.
const GRADIENT: f32 = 0.08;
/// Range of the difference in luma between ink and paper.
const CONTRAST: [f32; 2] = [0.2, 0.3];
/// Range of the paper's saturation.
const PAPER: [f32; 2] = [0.0, 0.6];
/// Range of the ink's saturation.
const INK: [f32; 2] = [0.8, 1.0];
/// Range of the difference in hue between paper and ink, in turns.
const HUE_DIFFERENCE: [f32; 2] = [0.3, 0.7];

/// Paper with a gradient, and ink that is lighter or darker than the paper by a constant difference.
#[derive(Debug)]
pub(super) struct Page {
    luma: f32,
    gradient: [f32; 2],
    contrast: f32,
    paper: HueSaturation,
    ink: HueSaturation,
}

#[derive(Debug)]
struct HueSaturation {
    hue: f32,
    saturation: f32,
}

impl Page {
    /// Samples paper and ink; if `hue_only`, the ink has the paper's luma.
    pub(super) fn sample(hue_only: bool, rng: &mut Rng) -> Self {
        let luma = uniform(LUMA[0], LUMA[1], rng);
        let (sin, cos) = uniform(0.0, TAU, rng).sin_cos();
        let slope = uniform(0.0, GRADIENT, rng);
        let paper = HueSaturation { hue: uniform(0.0, 1.0, rng), saturation: uniform(PAPER[0], PAPER[1], rng) };
        let ink = HueSaturation {
            hue: paper.hue + uniform(HUE_DIFFERENCE[0], HUE_DIFFERENCE[1], rng),
            saturation: uniform(INK[0], INK[1], rng),
        };
        let sign = if chance(0.5, rng) { 1.0 } else { -1.0 };
        let contrast = sign * uniform(CONTRAST[0], CONTRAST[1], rng);
        let contrast = if hue_only { 0.0 } else { contrast };
        Self { luma, gradient: [2.0 * slope * cos, 2.0 * slope * sin], contrast, paper, ink }
    }

    /// Returns the color at a point (both coordinates from 0 to 1) of which ink covers the given fraction.
    pub(super) fn color(&self, [x, y]: Point, coverage: f32) -> [f32; CHANNELS] {
        let luma = self.luma + self.gradient[0] * (x - 0.5) + self.gradient[1] * (y - 0.5);
        let under = color(self.paper.hue, self.paper.saturation, luma);
        if coverage == 0.0 {
            return under;
        }
        let over = color(self.ink.hue, self.ink.saturation, (luma + self.contrast).clamp(0.0, 1.0));
        std::array::from_fn(|channel| coverage * over[channel] + (1.0 - coverage) * under[channel])
    }
}

#[cfg(test)]
mod tests {
    use super::super::color::luma;
    use super::*;
    use crate::base::rng::stream;

    fn pages(hue_only: bool) -> impl Iterator<Item = ([f32; CHANNELS], [f32; CHANNELS])> {
        (0..2000).map(move |number| {
            let mut rng = stream(1, "pages", &[number]);
            let page = Page::sample(hue_only, &mut rng);
            let point = [uniform(0.0, 1.0, &mut rng), uniform(0.0, 1.0, &mut rng)];
            (page.color(point, 0.0), page.color(point, 1.0))
        })
    }

    #[test]
    fn ink_differs_from_the_paper_under_it() {
        for (paper, ink) in pages(false).chain(pages(true)) {
            let distance = paper.iter().zip(ink).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            assert!(distance > 0.2, "{paper:?} {ink:?}: {distance}");
        }
    }

    #[test]
    fn only_hue_only_inks_have_the_luma_of_the_paper() {
        for (paper, ink) in pages(true) {
            assert!((luma(paper) - luma(ink)).abs() < 1e-5);
        }
        for (paper, ink) in pages(false) {
            assert!((luma(paper) - luma(ink)).abs() > CONTRAST[0] - 1e-5);
        }
    }
}
