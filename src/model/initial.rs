//! How parameters are drawn at the start.
//!
//! Torchvision variant: convolutions Kaiming normal over the fan-out (He et al. 2015, arXiv 1502.01852), linear layers
//! and their biases uniform within `1 / sqrt(fan_in)`, torch's default. Keras variant: Glorot uniform, biases 0.
//! Batch norm starts as the identity, but for the last scale of each block with `zero_init_residual`, which starts at 0.

use crate::base::rng;

/// A distribution of initial values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Draw {
    /// All the same.
    Constant(f32),
    /// Normal with mean 0 and this deviation.
    Normal(f32),
    /// Uniform between minus and plus this bound.
    Uniform(f32),
}

impl Draw {
    /// Deviation `sqrt(2 / fan_out)`.
    pub(super) fn kaiming_normal(fan_out: usize) -> Self {
        Self::Normal((2.0 / fan_out as f32).sqrt())
    }

    /// Bound `sqrt(6 / (fan_in + fan_out))`.
    pub(super) fn glorot_uniform(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform((6.0 / (fan_in + fan_out) as f32).sqrt())
    }

    /// Bound `1 / sqrt(fan_in)`.
    pub(super) fn torch_linear(fan_in: usize) -> Self {
        Self::Uniform(1.0 / (fan_in as f32).sqrt())
    }
}

/// Initial values of the parameter `name`: the same whatever else the network has.
pub(super) fn draw(draw: Draw, length: usize, seed: u64, name: &str) -> Vec<f32> {
    let mut rng = rng::stream(seed, &format!("initial {name}"), &[]);
    match draw {
        Draw::Constant(value) => vec![value; length],
        Draw::Normal(deviation) => (0..length).map(|_| deviation * rng::normal(&mut rng)).collect(),
        Draw::Uniform(bound) => (0..length).map(|_| rng::uniform(-bound, bound, &mut rng)).collect(),
    }
}
