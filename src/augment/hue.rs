//! Hue: colors rotate around the gray axis of HSV.

use crate::augment::planes_mut;
use crate::imaging::vector::vectorized;

vectorized! {
    /// Rotates the hue of every pixel of `[3, side, side]` by `turns`, from -1 to 1, where 1 is the full circle.
    ///
    /// torchvision's `adjust_hue`. The maximum and minimum of a pixel are preserved, also for values outside [0, 1] as
    /// in TensorFlow.
    pub fn hue(image: &mut [f32], turns: f32) {
        let (red, green, blue) = planes_mut(image);
        let sixths = 6.0 * turns;
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            (*red, *green, *blue) = rotate(*red, *green, *blue, sixths);
        }
    }
}

/// Rotates the hue of one pixel by sixths of the circle; without branches, so that the loop vectorizes.
#[inline(always)]
fn rotate(red: f32, green: f32, blue: f32, sixths: f32) -> (f32, f32, f32) {
    let highest = red.max(green).max(blue);
    let lowest = red.min(green).min(blue);
    let range = highest - lowest;
    let slope = if range > 0.0 { 1.0 / range } else { 0.0 };
    let from_red = (green - blue) * slope;
    let from_green = (blue - red) * slope + 2.0;
    let from_blue = (red - green) * slope + 4.0;
    let hue = if highest == red { from_red } else { if highest == green { from_green } else { from_blue } } + sixths;
    (highest - range * deficit(hue + 5.0), highest - range * deficit(hue + 3.0), highest - range * deficit(hue + 1.0))
}

/// Returns the difference of a channel from the maximum, as a fraction of the range, at `position` sixths of the
/// circle: 0 on one third of the circle, 1 on another, linear between them.
#[inline(always)]
fn deficit(position: f32) -> f32 {
    let wrapped = position - 6.0 * (position * (1.0 / 6.0)).floor();
    wrapped.min(4.0 - wrapped).clamp(0.0, 1.0)
}
