//! Normalization per channel.

use crate::imaging::vector::vectorized;

/// Subtracts `mean` and divides by `std` in each channel of `[3, side, side]`. torchvision's `normalize`.
pub fn normalize(planes: &mut [f32], mean: [f64; 3], std: [f64; 3]) {
    let area = planes.len() / mean.len();
    for ((plane, mean), std) in planes.chunks_exact_mut(area).zip(mean).zip(std) {
        shift_and_scale(plane, mean as f32, (1.0 / std) as f32);
    }
}

vectorized! {
    fn shift_and_scale(plane: &mut [f32], mean: f32, scale: f32) {
        for value in plane {
            *value = (*value - mean) * scale;
        }
    }
}
