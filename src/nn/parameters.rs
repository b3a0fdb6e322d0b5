//! Parameters as optimizers and model files see them.

use crate::base::{Error, Result};
use safetensors::{Dtype, tensor::TensorView};

/// The kind of a parameter, which decides whether weight decay and LARS apply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Weights of a convolution or a linear layer.
    Weight,
    /// Biases of a convolution or a linear layer.
    Bias,
    /// The scale (gamma) of a batch norm, `[channels]`.
    NormScale,
    /// The shift (beta) of a batch norm, `[channels]`.
    NormShift,
}

/// One parameter and its gradient, of the same length, in a device's buffers.
#[derive(Debug)]
pub struct Trainable<'a, B> {
    /// The values, which the optimizer updates.
    pub values: &'a mut B,
    /// The gradient of the last backward pass; gradient clipping may scale it.
    pub gradient: &'a mut B,
    /// The kind of the parameter.
    pub role: Role,
}

/// An entry of a state dict: a parameter or a running statistic.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// torchvision's name, such as `layer1.0.conv1.weight`; `head.0.weight` and so on for the head.
    pub name: String,
    /// PyTorch's shape: `[outputs, inputs, height, width]` for convolutions, `[outputs, inputs]` for linear layers.
    pub shape: Vec<usize>,
    /// The values in row-major order.
    pub values: Vec<f32>,
}

impl NamedTensor {
    /// Copies a tensor of a safetensors file.
    ///
    /// # Errors
    /// Its elements are not 32-bit floats.
    pub(crate) fn from_view(name: &str, view: &TensorView<'_>) -> Result<Self> {
        if view.dtype() != Dtype::F32 {
            return Err(Error::stage(format!("tensor {name} is {:?}, expected F32", view.dtype())));
        }
        let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Ok(Self { name: name.to_owned(), shape: view.shape().to_vec(), values })
    }
}
