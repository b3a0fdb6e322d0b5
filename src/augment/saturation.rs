//! Saturation: colours move towards or away from their luma.

use crate::augment::grayscale::luma;
use crate::augment::planes_mut;
use crate::picture::vector::vectorized;

vectorized! {
    /// Scales the distance of every value of `[3, side, side]` from its pixel's luma by `factor`; the caller clips.
    ///
    /// torchvision's `adjust_saturation`. TensorFlow, and so the SimCLR code and the report, scales the saturation of
    /// HSV instead.
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
