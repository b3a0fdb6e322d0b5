//! Gaussian noise.

use crate::augment::interval::interval;
use crate::augment::operator::half;
use crate::augment::{Operator, Scratch};
use crate::base::rng::{Rng, uniform, unit};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Additive Gaussian noise, clipped to [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoise {
    /// Probability of being applied.
    #[serde(default = "half")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Standard deviation, sampled uniformly from `[low, high]`; 1 is the full range of values.
    #[serde(deserialize_with = "interval")]
    #[schemars(extend("items" = { "type": "number", "minimum": 0, "maximum": 1, "x-scale": 255 }))]
    pub sigma: [f64; 2],
}

impl Operator for GaussianNoise {
    fn summary() -> &'static str {
        "Add independent Gaussian noise to every value."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng) {
        let sigma = sample(self, rng);
        add_noise(&mut scratch.planes, sigma, rng);
    }
}

/// Samples the standard deviation.
fn sample(config: &GaussianNoise, rng: &mut Rng) -> f32 {
    uniform(config.sigma[0] as f32, config.sigma[1] as f32, rng)
}

/// Adds independent normal noise with standard deviation `sigma` to every value and clips to [0, 1].
///
/// torchvision's `gaussian_noise(clip=True)` with another random generator: Box-Muller, both numbers of each pair.
fn add_noise(planes: &mut [f32], sigma: f32, rng: &mut Rng) {
    for pair in planes.chunks_mut(2) {
        let radius = sigma * (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * unit(rng)).sin_cos();
        for (value, normal) in pair.iter_mut().zip([cos, sin]) {
            *value = (*value + radius * normal).clamp(0.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    #[test]
    fn noise_has_the_standard_deviation_and_values_stay_between_0_and_1() {
        let mut gray = vec![0.5_f32; 10_001];
        add_noise(&mut gray, 0.1, &mut stream(1, "noise", &[]));
        let variance = gray.iter().map(|value| (value - 0.5).powi(2)).sum::<f32>() / gray.len() as f32;
        assert!((variance.sqrt() - 0.1).abs() < 0.003, "{variance}");
        let mut white = vec![1.0; 100];
        add_noise(&mut white, 0.5, &mut stream(1, "noise", &[]));
        assert!(white.iter().all(|value| (0.0..=1.0).contains(value)));
    }
}
