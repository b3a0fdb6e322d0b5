//! Hue: colors turn around the gray axis of HSV.

use crate::augment::planes_mut;
use crate::imaging::vector::vectorized;

vectorized! {
    /// Turns the hue of every pixel of `[3, side, side]` by `turns` (1 is the whole circle, -1 to 1).
    ///
    /// torchvision's `adjust_hue`. Largest and smallest value of a pixel stay what they are, which also defines it for
    /// values outside [0, 1] (as TensorFlow's).
    pub fn hue(image: &mut [f32], turns: f32) {
        let (red, green, blue) = planes_mut(image);
        let sixths = 6.0 * turns;
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            (*red, *green, *blue) = turn(*red, *green, *blue, sixths);
        }
    }
}

/// Without branches, so that the loop vectorizes.
#[inline(always)]
fn turn(red: f32, green: f32, blue: f32, sixths: f32) -> (f32, f32, f32) {
    let highest = red.max(green).max(blue);
    let lowest = red.min(green).min(blue);
    let range = highest - lowest;
    let slope = if range > 0.0 { 1.0 / range } else { 0.0 };
    let from_red = (green - blue) * slope;
    let from_green = (blue - red) * slope + 2.0;
    let from_blue = (red - green) * slope + 4.0;
    let hue = if highest == red { from_red } else { if highest == green { from_green } else { from_blue } } + sixths;
    (highest - range * share(hue + 5.0), highest - range * share(hue + 3.0), highest - range * share(hue + 1.0))
}

/// How much of the range a channel lacks at `position` sixths of the circle: 0 on a third of it, 1 on another.
#[inline(always)]
fn share(position: f32) -> f32 {
    let wrapped = position - 6.0 * (position * (1.0 / 6.0)).floor();
    wrapped.min(4.0 - wrapped).clamp(0.0, 1.0)
}
