//! Saturation: colors move toward or away from gray.

use crate::augment::grayscale::luma;
use crate::augment::planes_mut;
use crate::imaging::vector::vectorized;

vectorized! {
    /// Scales the distance of every value of `[3, side, side]` from its pixel's luma by `factor`; the caller clips.
    ///
    /// torchvision's `adjust_saturation`.
    pub fn saturation(image: &mut [f32], factor: f32) {
        let (red, green, blue) = planes_mut(image);
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let shift = (1.0 - factor) * luma(*red, *green, *blue);
            *red = factor * *red + shift;
            *green = factor * *green + shift;
            *blue = factor * *blue + shift;
        }
    }
}

vectorized! {
    /// Scales the HSV saturation of every pixel of `[3, side, side]` by `factor` and clips the saturation to [0, 1];
    /// the caller clips the values.
    ///
    /// TensorFlow's `tf.image.adjust_saturation`, which the SimCLR code uses, also for values outside [0, 1]: the
    /// maximum of a pixel is preserved, and if it is not above 0 the other values become equal to it.
    pub fn hsv_saturation(image: &mut [f32], factor: f32) {
        let (red, green, blue) = planes_mut(image);
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            (*red, *green, *blue) = scale_in_hsv(*red, *green, *blue, factor);
        }
    }
}

/// Scales the distances from the maximum of a pixel: they are proportional to the saturation, and their ratio is the
/// hue.
#[inline(always)]
fn scale_in_hsv(red: f32, green: f32, blue: f32, factor: f32) -> (f32, f32, f32) {
    let highest = red.max(green).max(blue);
    let range = highest - red.min(green).min(blue);
    let max_scale = if range > 0.0 { highest / range } else { 0.0 };
    let scale = factor.min(max_scale).max(0.0);
    (highest - scale * (highest - red), highest - scale * (highest - green), highest - scale * (highest - blue))
}
