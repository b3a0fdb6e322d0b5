//! Gaussian noise.

use crate::augment::config::GaussianNoiseConfig;
use crate::base::rng::{Rng, uniform, unit};

/// Samples the standard deviation.
pub fn sample(config: &GaussianNoiseConfig, rng: &mut Rng) -> f32 {
    uniform(config.sigma[0] as f32, config.sigma[1] as f32, rng)
}

/// Adds independent normal noise with standard deviation `sigma` to every value and clips to [0, 1].
///
/// torchvision's `gaussian_noise(clip=True)` with another random generator: Box-Muller, both numbers of each pair.
pub fn add_noise(planes: &mut [f32], sigma: f32, rng: &mut Rng) {
    for pair in planes.chunks_mut(2) {
        let radius = sigma * (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * unit(rng)).sin_cos();
        for (value, normal) in pair.iter_mut().zip([cos, sin]) {
            *value = (*value + radius * normal).clamp(0.0, 1.0);
        }
    }
}
