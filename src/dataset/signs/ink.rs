//! Paper and ink of an image.

use super::color::color;
use super::stroke::Point;
use crate::base::rng::{Rng, chance, uniform};
use crate::imaging::CHANNELS;
use std::f32::consts::TAU;

/// Luma of the paper in the middle of the image.
const LUMA: [f32; 2] = [0.35, 0.65];
/// Largest change of the paper's luma from the middle to either side.
const GRADIENT: f32 = 0.08;
/// Luma of the ink above or below the paper's at the same place.
const CONTRAST: [f32; 2] = [0.2, 0.3];
/// Saturation of the paper.
const PAPER: [f32; 2] = [0.0, 0.6];
/// Saturation of the ink.
const INK: [f32; 2] = [0.8, 1.0];
/// Distance between the hues of paper and ink, in turns.
const HUES_APART: [f32; 2] = [0.3, 0.7];

/// Paper with a gradient, and an ink that is lighter or darker than the paper by the same amount everywhere.
#[derive(Debug)]
pub(super) struct Page {
    luma: f32,
    gradient: [f32; 2],
    contrast: f32,
    paper: Pigment,
    ink: Pigment,
}

#[derive(Debug)]
struct Pigment {
    hue: f32,
    saturation: f32,
}

impl Page {
    /// Samples paper and ink; `hue_only` inks have the paper's luma.
    pub(super) fn sample(hue_only: bool, rng: &mut Rng) -> Self {
        let luma = uniform(LUMA[0], LUMA[1], rng);
        let (sin, cos) = uniform(0.0, TAU, rng).sin_cos();
        let slope = uniform(0.0, GRADIENT, rng);
        let paper = Pigment { hue: uniform(0.0, 1.0, rng), saturation: uniform(PAPER[0], PAPER[1], rng) };
        let ink = Pigment {
            hue: paper.hue + uniform(HUES_APART[0], HUES_APART[1], rng),
            saturation: uniform(INK[0], INK[1], rng),
        };
        let sign = if chance(0.5, rng) { 1.0 } else { -1.0 };
        let contrast = sign * uniform(CONTRAST[0], CONTRAST[1], rng);
        let contrast = if hue_only { 0.0 } else { contrast };
        Self { luma, gradient: [2.0 * slope * cos, 2.0 * slope * sin], contrast, paper, ink }
    }

    /// The color at a place of the image (both coordinates from 0 to 1) that ink covers to the given fraction.
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
            let place = [uniform(0.0, 1.0, &mut rng), uniform(0.0, 1.0, &mut rng)];
            (page.color(place, 0.0), page.color(place, 1.0))
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
    fn only_inks_of_another_hue_have_the_luma_of_the_paper() {
        for (paper, ink) in pages(true) {
            assert!((luma(paper) - luma(ink)).abs() < 1e-5);
        }
        for (paper, ink) in pages(false) {
            assert!((luma(paper) - luma(ink)).abs() > CONTRAST[0] - 1e-5);
        }
    }
}
