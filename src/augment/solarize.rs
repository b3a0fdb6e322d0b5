//! Solarize: bright values are inverted.

use crate::imaging::vector::vectorized;

vectorized! {
    /// Inverts the values at or above `threshold`. torchvision's `solarize`.
    pub fn solarize(planes: &mut [f32], threshold: f32) {
        for value in planes {
            *value = if *value >= threshold { 1.0 - *value } else { *value };
        }
    }
}
