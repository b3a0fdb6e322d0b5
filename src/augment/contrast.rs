//! Contrast: values move toward or away from a mean.

use crate::augment::grayscale::{mean, mean_luma};
use crate::imaging::CHANNELS;
use crate::imaging::vector::vectorized;

/// Scales the distance of every value of `[3, side, side]` from the mean luma by `factor`; the caller clips.
///
/// torchvision's `adjust_contrast`.
pub fn contrast(planes: &mut [f32], factor: f32) {
    let mean = mean_luma(planes);
    blend(planes, factor, (1.0 - factor) * mean);
}

/// Scales the distance of every value of `[3, side, side]` from the mean of its channel by `factor`; the caller clips.
///
/// TensorFlow's `tf.image.adjust_contrast`, which the SimCLR code uses.
pub fn channel_contrast(planes: &mut [f32], factor: f32) {
    let area = planes.len() / CHANNELS;
    for plane in planes.chunks_exact_mut(area) {
        let mean = mean(plane);
        blend(plane, factor, (1.0 - factor) * mean);
    }
}

vectorized! {
    fn blend(planes: &mut [f32], factor: f32, shift: f32) {
        for value in planes {
            *value = factor * *value + shift;
        }
    }
}
