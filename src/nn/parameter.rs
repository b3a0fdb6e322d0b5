//! Parameters as optimisers see them.

/// What a parameter does, which decides whether weight decay and LARS touch it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a convolution or a linear layer: the only ones that decay.
    Weight,
    /// Biases of a convolution or a linear layer.
    Bias,
    /// The factor of a batch norm, one a channel.
    NormScale,
    /// The offset of a batch norm, one a channel.
    NormShift,
}

/// One parameter and its gradient, of the same length.
#[derive(Debug)]
pub struct Trainable<'a> {
    /// The values, which an optimiser writes.
    pub values: &'a mut [f32],
    /// The gradient of the last backward pass; clipping may write it.
    pub gradient: &'a mut [f32],
    /// What the parameter does.
    pub role: Role,
}
