//! Augmentation: a policy is a list of operators applied in the order written, each with its own probability, sampled
//! per image and view.
//!
//! Operators work on `[3, side, side]` planes of f32 with values between 0 and 1. Each operator has its own file, which
//! separates sampling its parameters from applying them; with fixed parameters it is tested against torchvision v2 on
//! float images (`tests/golden_augment.rs`). Inner loops are written to vectorize, and a [`Scratch`] keeps all buffers,
//! so that making a view allocates nothing.

pub mod brightness;
pub mod color_jitter;
pub mod config;
pub mod contrast;
pub mod cutout;
pub mod flip;
pub mod gaussian_blur;
pub mod gaussian_noise;
pub mod grayscale;
pub mod hue;
pub mod normalize;
mod policy;
pub mod random_resized_crop;
pub mod random_rotation;
pub mod saturation;
pub mod sobel;
pub mod solarize;

pub use config::{OperatorConfig, PolicyConfig};
pub use policy::{Policy, Scratch};

use crate::imaging::CHANNELS;

/// Splits `[3, side, side]` into its red, green and blue planes.
fn planes_mut(planes: &mut [f32]) -> (&mut [f32], &mut [f32], &mut [f32]) {
    let area = planes.len() / CHANNELS;
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    (red, green, blue)
}

/// Splits `[3, side, side]` into its red, green and blue planes.
fn planes(planes: &[f32]) -> (&[f32], &[f32], &[f32]) {
    let area = planes.len() / CHANNELS;
    (&planes[..area], &planes[area..2 * area], &planes[2 * area..])
}
