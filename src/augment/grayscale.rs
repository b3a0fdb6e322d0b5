//! Grayscale: the luma of ITU-R BT.601 with torchvision's rounding of the weights.

use crate::augment::{Operator, Scratch, planes, planes_mut};
use crate::base::rng::Rng;
use crate::imaging::vector::vectorized;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Grayscale (luma of ITU-R BT.601, as in torchvision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Grayscale {
    /// Probability of being applied.
    #[serde(default = "Grayscale::default_p")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
}

impl Grayscale {
    fn default_p() -> f64 {
        0.2
    }
}

impl Operator for Grayscale {
    fn summary() -> &'static str {
        "Convert to grayscale (luma) with three equal channels."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        false
    }

    fn apply(&self, scratch: &mut Scratch, _: &mut Rng) {
        grayscale(&mut scratch.planes);
    }
}

/// Weight of red in the luma.
pub(crate) const RED: f32 = 0.2989;
/// Weight of green in the luma.
pub(crate) const GREEN: f32 = 0.587;
/// Weight of blue in the luma.
pub(crate) const BLUE: f32 = 0.114;

/// Returns the luma of one pixel.
#[inline(always)]
pub(crate) fn luma(red: f32, green: f32, blue: f32) -> f32 {
    RED * red + GREEN * green + BLUE * blue
}

vectorized! {
    /// Replaces the three planes of `[3, side, side]` by their luma. torchvision's
    /// `rgb_to_grayscale(num_output_channels=3)`.
    pub fn grayscale(image: &mut [f32]) {
        let (red, green, blue) = planes_mut(image);
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let gray = luma(*red, *green, *blue);
            (*red, *green, *blue) = (gray, gray, gray);
        }
    }
}

/// Independent partial sums, so that the summation vectorizes with a fixed order.
const LANES: usize = 16;
/// Pixels summed in f32 before the sum is added to the f64 total.
const RUN: usize = 64 * LANES;

vectorized! {
    /// Returns the mean luma of `[3, side, side]`.
    pub(crate) fn mean_luma(image: &[f32]) -> f32 {
        let (red, green, blue) = planes(image);
        let mut total = 0.0_f64;
        for ((red, green), blue) in red.chunks(RUN).zip(green.chunks(RUN)).zip(blue.chunks(RUN)) {
            total += f64::from(sum_luma(red, green, blue));
        }
        (total / red.len() as f64) as f32
    }
}

vectorized! {
    /// Returns the mean of one plane.
    pub fn mean(plane: &[f32]) -> f32 {
        let total: f64 = plane.chunks(RUN).map(|run| f64::from(sum(run))).sum();
        (total / plane.len() as f64) as f32
    }
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for lane in 0..LANES {
            sums[lane] += values[lane];
        }
    }
    for (sum, value) in sums.iter_mut().zip(rest) {
        *sum += value;
    }
    sums.iter().sum()
}

#[inline(always)]
fn sum_luma(red: &[f32], green: &[f32], blue: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (reds, red_rest) = red.as_chunks::<LANES>();
    let (greens, green_rest) = green.as_chunks::<LANES>();
    let (blues, blue_rest) = blue.as_chunks::<LANES>();
    for ((red, green), blue) in reds.iter().zip(greens).zip(blues) {
        for lane in 0..LANES {
            sums[lane] += luma(red[lane], green[lane], blue[lane]);
        }
    }
    for (lane, ((red, green), blue)) in red_rest.iter().zip(green_rest).zip(blue_rest).enumerate() {
        sums[lane] += luma(*red, *green, *blue);
    }
    sums.iter().sum()
}
