//! Convolutions by cuDNN, channels last. Parameters are `[kernel, kernel, inputs, outputs]` in f32; cuDNN reads a copy
//! `[outputs, kernel, kernel, inputs]` in the precision of the maps, made when they have changed.

use super::address::Address;
use super::buffer::{Buffer, Map, Padding, int};
use super::cudnn::ConvProblem;
use super::direction::{self, Operands};
use super::directions::{BackwardData, BackwardFilter, Forward};
use super::gpu::Gpu;
use super::grid::{Grid, Partition};
use super::kernels;
use super::memory::Memory;
use crate::base::Result;
use crate::nn::{Convolution, Precision};
use std::sync::Arc;

/// Computes `output = convolution(input, weights) + bias`.
pub(super) fn forward(
    shape: &Convolution,
    input: &Map,
    weights: &Buffer,
    bias: Option<&Buffer>,
    output: &mut Map,
) -> Result<()> {
    input.check_precision(output)?;
    let gpu = input.gpu();
    let problem = problem(shape, input, padded_channels(shape.inputs, input.precision()));
    let padded = PaddedInput::new(&problem, input)?;
    let filter = to_filter(&problem, weights)?;
    let operands = Operands { input: padded.address(), weights: filter.address(), output: output.address() };
    direction::run::<Forward>(gpu, &problem, operands, false)?;
    let Some(bias) = bias else { return Ok(()) };
    let pixels = problem.rows * shape.output_pixels();
    let grid = Partition::new(pixels, shape.outputs, problem.precision).elementwise()?;
    kernels::bias(gpu, problem.precision, grid, bias.address(), pixels as i64, int(shape.outputs)?, output.address())
}

/// Computes the gradient of the input; adds it to `input_gradient` if `accumulate` is set.
pub(super) fn input_gradient(
    shape: &Convolution,
    weights: &Buffer,
    output_gradient: &Map,
    accumulate: bool,
    input_gradient: &mut Map,
) -> Result<()> {
    output_gradient.check_precision(input_gradient)?;
    let problem = problem(shape, input_gradient, shape.inputs);
    let filter = to_filter(&problem, weights)?;
    let operands =
        Operands { input: input_gradient.address(), weights: filter.address(), output: output_gradient.address() };
    direction::run::<BackwardData>(output_gradient.gpu(), &problem, operands, accumulate)
}

/// Computes the gradients of the weights and the bias.
///
/// cuDNN cannot read bf16 and write f32: sums are f32, and the result is rounded once.
pub(super) fn weight_gradient(
    shape: &Convolution,
    input: &Map,
    output_gradient: &Map,
    weights: &mut Buffer,
    bias: Option<&mut Buffer>,
) -> Result<()> {
    input.check_precision(output_gradient)?;
    let gpu = input.gpu();
    let problem = problem(shape, input, padded_channels(shape.inputs, input.precision()));
    let padded = PaddedInput::new(&problem, input)?;
    let filter = Memory::new(gpu, filter_bytes(&problem))?;
    let operands = Operands { input: padded.address(), weights: filter.address(), output: output_gradient.address() };
    direction::run::<BackwardFilter>(gpu, &problem, operands, false)?;
    let [taps, inputs, channels, outputs] = sizes(&problem)?;
    let (from, to) = (filter.address(), weights.address_mut());
    kernels::weights_gradient(
        gpu,
        problem.precision,
        transpose_grid(&problem)?,
        from,
        taps,
        inputs,
        channels,
        outputs,
        to,
    )?;
    bias.map_or(Ok(()), |bias| channel_sums(output_gradient, shape.outputs, bias))
}

/// Sums each channel over all pixels.
fn channel_sums(map: &Map, channels: usize, sums: &mut Buffer) -> Result<()> {
    let (gpu, precision) = (map.gpu(), map.precision());
    let pixels = map.len() / channels;
    let partition = Partition::new(pixels, channels, precision);
    let count = kernels::parts(gpu, "channel_sums", precision, &partition)?;
    let (grid, parts) = (partition.reduction(count)?, Buffer::new(gpu, count * channels)?);
    kernels::channel_sums(gpu, precision, grid, map.address(), pixels as i64, int(channels)?, parts.address())?;
    let (grid, count) = (partition.merge()?, int(count)?);
    kernels::channel_sums_merge(gpu, grid, parts.address(), count, int(channels)?, sums.address_mut())
}

fn problem(shape: &Convolution, input: &Map, inputs: usize) -> ConvProblem {
    ConvProblem { shape: *shape, rows: input.len() / shape.input_len(), inputs, precision: input.precision() }
}

/// Returns the number of channels padded for tensor cores, which load 16 bytes where an RGB pixel has 3 values.
fn padded_channels(inputs: usize, precision: Precision) -> usize {
    match precision {
        Precision::F32 => inputs,
        Precision::Tf32 => inputs.max(4),
        Precision::Bf16 => inputs.max(8),
    }
}

/// Returns the padding of uploaded images, if they need any.
pub(super) fn image_padding(precision: Precision) -> Option<Padding> {
    const CHANNELS: usize = 3;
    let padded = padded_channels(CHANNELS, precision);
    (padded > CHANNELS).then_some(Padding { channels: CHANNELS, padded })
}

/// Copies a map of `length` elements and pads its pixels.
pub(super) fn pad(
    gpu: &Gpu,
    precision: Precision,
    from: Address<'_>,
    length: usize,
    Padding { channels, padded }: Padding,
    to: Address<'_>,
) -> Result<()> {
    let pixels = length / channels;
    kernels::pad(gpu, precision, Grid::over(pixels, 256)?, from, pixels as i64, int(channels)?, int(padded)?, to)
}

/// An input, copied if its channels need padding.
enum PaddedInput<'a> {
    Map(&'a Map),
    Copy(Memory),
}

impl<'a> PaddedInput<'a> {
    fn new(problem: &ConvProblem, input: &'a Map) -> Result<Self> {
        let ConvProblem { shape, inputs, precision, .. } = *problem;
        if inputs == shape.inputs {
            return Ok(Self::Map(input));
        }
        let padding = Padding { channels: shape.inputs, padded: inputs };
        if input.padding() == Some(padding) {
            return Ok(Self::Map(input));
        }
        let (gpu, pixels) = (input.gpu(), input.len() / shape.inputs);
        let copy = Memory::new(gpu, pixels * inputs * precision.bytes() as usize)?;
        pad(gpu, precision, input.address(), input.len(), padding, copy.address())?;
        Ok(Self::Copy(copy))
    }

    fn address(&self) -> Address<'_> {
        match self {
            Self::Map(map) => map.address(),
            Self::Copy(copy) => copy.address(),
        }
    }
}

/// Returns weights in cuDNN's layout and the precision of the maps.
fn to_filter(problem: &ConvProblem, weights: &Buffer) -> Result<Arc<Memory>> {
    let gpu = weights.gpu();
    let allocate = || Memory::new(gpu, filter_bytes(problem));
    weights.filter.get(problem, allocate, |filter| {
        let [taps, inputs, channels, outputs] = sizes(problem)?;
        let (from, to) = (weights.address(), filter.address());
        kernels::weights(gpu, problem.precision, transpose_grid(problem)?, from, taps, inputs, channels, outputs, to)
    })
}

fn filter_bytes(problem: &ConvProblem) -> usize {
    taps(problem) * problem.inputs * problem.shape.outputs * problem.precision.bytes() as usize
}

fn taps(problem: &ConvProblem) -> usize {
    problem.shape.kernel * problem.shape.kernel
}

/// Returns the pixels of the window, the input channels without and with padding, and the output channels.
fn sizes(problem: &ConvProblem) -> Result<[i32; 4]> {
    let ConvProblem { shape, inputs, .. } = problem;
    Ok([int(taps(problem))?, int(shape.inputs)?, int(*inputs)?, int(shape.outputs)?])
}

fn transpose_grid(problem: &ConvProblem) -> Result<Grid> {
    Grid::squares(problem.shape.outputs, taps(problem) * problem.inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_channels_are_padded_for_tensor_cores() {
        assert_eq!(Precision::F32.bytes() * padded_channels(3, Precision::F32) as u64, 12);
        for precision in [Precision::Tf32, Precision::Bf16] {
            assert_eq!(precision.bytes() * padded_channels(3, precision) as u64, 16);
            assert_eq!(padded_channels(64, precision), 64);
        }
    }
}
