//! Initialization of parameters.
//!
//! Torchvision variant: convolutions Kaiming normal with fan-out (He et al. 2015, arXiv 1502.01852), linear layers and
//! their biases uniform within `1 / sqrt(fan_in)`, PyTorch's default. Keras variant: Glorot uniform, biases 0. Batch
//! norm starts as the identity, except that `zero_init_residual` sets the last scale of each block to 0.

use crate::base::rng;
use crate::nn::Convolution;

/// The library whose initialization a network follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Initialization {
    Torchvision,
    Keras,
}

impl Initialization {
    /// Returns the initializer of the weights of a convolution.
    pub(super) fn convolution(self, shape: &Convolution) -> Initializer {
        let area = shape.kernel * shape.kernel;
        match self {
            Self::Torchvision => Initializer::kaiming_normal(area * shape.outputs),
            Self::Keras => Initializer::glorot_uniform(area * shape.inputs, area * shape.outputs),
        }
    }

    /// Returns the initializers of the weights and the biases of a linear layer.
    pub(super) fn linear(self, inputs: usize, outputs: usize) -> (Initializer, Initializer) {
        match self {
            Self::Torchvision => (Initializer::torch_linear(inputs), Initializer::torch_linear(inputs)),
            Self::Keras => (Initializer::glorot_uniform(inputs, outputs), Initializer::Constant(0.0)),
        }
    }
}

/// A distribution of initial values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Initializer {
    /// The same value everywhere.
    Constant(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// Uniform in `[-bound, bound)`.
    Uniform(f32),
}

impl Initializer {
    /// Normal with standard deviation `sqrt(2 / fan_out)`.
    fn kaiming_normal(fan_out: usize) -> Self {
        Self::Normal((2.0 / fan_out as f32).sqrt())
    }

    /// Uniform with bound `sqrt(6 / (fan_in + fan_out))`.
    fn glorot_uniform(fan_in: usize, fan_out: usize) -> Self {
        Self::Uniform((6.0 / (fan_in + fan_out) as f32).sqrt())
    }

    /// Uniform with bound `1 / sqrt(fan_in)`.
    fn torch_linear(fan_in: usize) -> Self {
        Self::Uniform(1.0 / (fan_in as f32).sqrt())
    }
}

/// Samples the initial values of the parameter `name`, which do not depend on the other parameters of the network.
pub(super) fn initial_values(initializer: Initializer, length: usize, seed: u64, name: &str) -> Vec<f32> {
    let mut rng = rng::stream(seed, &format!("initial {name}"), &[]);
    match initializer {
        Initializer::Constant(value) => vec![value; length],
        Initializer::Normal(std) => (0..length).map(|_| std * rng::normal(&mut rng)).collect(),
        Initializer::Uniform(bound) => (0..length).map(|_| rng::uniform(-bound, bound, &mut rng)).collect(),
    }
}
