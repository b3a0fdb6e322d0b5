//! Shapes of convolutions and pooling over square maps.

use crate::base::{Error, Result};

/// A convolution over square maps; weights are `[kernel, kernel, inputs, outputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Side of the window, pixels.
    pub kernel: usize,
    /// Step of the window, pixels.
    pub stride: usize,
    /// Zeros around the input, pixels on each side.
    pub padding: usize,
    /// Side of the input, pixels.
    pub side: usize,
}

impl Convolution {
    /// Returns the side of the output, pixels.
    pub fn output_side(&self) -> usize {
        windows(self.side, self.kernel, self.stride, self.padding)
    }

    /// Returns the number of pixels of one output map.
    pub(crate) fn output_pixels(&self) -> usize {
        self.output_side() * self.output_side()
    }

    /// Returns the number of elements of one input image.
    pub fn input_len(&self) -> usize {
        self.side * self.side * self.inputs
    }

    /// Returns the number of elements of one output map.
    pub fn output_len(&self) -> usize {
        self.output_pixels() * self.outputs
    }

    /// Returns the number of inputs of one output: the rows of the weight matrix.
    pub(crate) fn window(&self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    /// Returns the number of weights.
    pub fn weights(&self) -> usize {
        self.window() * self.outputs
    }

    /// Returns the MACs per image.
    pub(crate) fn macs(&self) -> u64 {
        self.output_pixels() as u64 * self.weights() as u64
    }

    /// Whether each output pixel depends on the input pixel at the same position alone.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == 0
    }

    /// Checks that at least one window fits.
    ///
    /// # Errors
    /// The map is smaller than the window.
    pub fn check(&self) -> Result<()> {
        fits(self.side, self.kernel, self.padding)
    }
}

/// Max pooling over square maps; padding is never the maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Channels of input and output.
    pub channels: usize,
    /// Side of the window, pixels.
    pub kernel: usize,
    /// Step of the window, pixels.
    pub stride: usize,
    /// Padding on each side, pixels; less than the window.
    pub padding: usize,
    /// Side of the input, pixels.
    pub side: usize,
}

impl MaxPool {
    /// Returns the side of the output, pixels.
    pub fn output_side(&self) -> usize {
        windows(self.side, self.kernel, self.stride, self.padding)
    }

    /// Returns the number of elements of one output map.
    pub fn output_len(&self) -> usize {
        self.output_side() * self.output_side() * self.channels
    }

    /// Checks that at least one window fits.
    ///
    /// # Errors
    /// The map is smaller than the window.
    pub fn check(&self) -> Result<()> {
        fits(self.side, self.kernel, self.padding)
    }
}

fn windows(side: usize, kernel: usize, stride: usize, padding: usize) -> usize {
    (side + 2 * padding - kernel) / stride + 1
}

fn fits(side: usize, kernel: usize, padding: usize) -> Result<()> {
    if side > 0 && side + 2 * padding >= kernel {
        return Ok(());
    }
    Err(Error::usage(format!("a {kernel}x{kernel} window does not fit a map of {side}x{side} pixels"))
        .help("use larger images or a stem that shrinks them less"))
}
