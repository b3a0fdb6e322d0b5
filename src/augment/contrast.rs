//! Contrast: values move towards or away from the picture's mean luma.

use crate::augment::grayscale::mean_luma;
use crate::picture::vector::vectorized;

/// Scales the distance of every value of `[3, side, side]` from the mean luma by `factor`; the caller clips.
///
/// torchvision's `adjust_contrast`. TensorFlow, and so the SimCLR code and the report, takes each channel's own mean.
pub fn contrast(planes: &mut [f32], factor: f32) {
    let mean = mean_luma(planes);
    blend(planes, factor, (1.0 - factor) * mean);
}

vectorized! {
    fn blend(planes: &mut [f32], factor: f32, shift: f32) {
        for value in planes {
            *value = factor * *value + shift;
        }
    }
}
