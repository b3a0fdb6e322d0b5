//! Brightness: all values are multiplied by a factor, or shifted.

use crate::imaging::vector::vectorized;

vectorized! {
    /// Multiplies every value by `factor`; the caller clips. torchvision's `adjust_brightness`.
    pub(crate) fn multiply(planes: &mut [f32], factor: f32) {
        for value in planes {
            *value *= factor;
        }
    }
}

vectorized! {
    /// Adds `shift` to every value; the caller clips. TensorFlow's `adjust_brightness`, as in the W&B report.
    pub(crate) fn add(planes: &mut [f32], shift: f32) {
        for value in planes {
            *value += shift;
        }
    }
}

vectorized! {
    /// Clips every value to `[0, 1]`.
    pub(crate) fn clip(planes: &mut [f32]) {
        for value in planes {
            *value = value.clamp(0.0, 1.0);
        }
    }
}
