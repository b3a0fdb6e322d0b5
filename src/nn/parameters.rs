//! Parameters as optimizers and files see them.

use crate::base::{Error, Result};
use safetensors::{Dtype, tensor::TensorView};

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

/// One parameter and its gradient, of the same length, in a device's buffers.
#[derive(Debug)]
pub struct Trainable<'a, B> {
    /// The values, which an optimizer writes.
    pub values: &'a mut B,
    /// The gradient of the last backward pass; clipping may write it.
    pub gradient: &'a mut B,
    /// What the parameter does.
    pub role: Role,
}

/// One array of a saved network: a parameter or a running statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// torchvision's name, such as `layer1.0.conv1.weight`; the head's are `head.0.weight` and so on.
    pub name: String,
    /// torch's shape: `[outputs, inputs, height, width]` for convolutions, `[outputs, inputs]` for linear layers.
    pub shape: Vec<usize>,
    /// The values, last dimension fastest.
    pub values: Vec<f32>,
}

impl NamedTensor {
    /// The array that a safetensors file holds under this name.
    ///
    /// # Errors
    /// It holds other numbers than 32-bit floats.
    pub fn from_view(name: &str, view: &TensorView<'_>) -> Result<Self> {
        if view.dtype() != Dtype::F32 {
            return Err(Error::stage(format!("array {name} is {:?}, expected F32", view.dtype())));
        }
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Ok(Self { name: name.to_owned(), shape: view.shape().to_vec(), values })
    }
}
