//! Convolutions by cuDNN, channels last. Parameters are `[kernel, kernel, inputs, outputs]` in 32 bits; at each use a
//! kernel lays them out as `[outputs, kernel, kernel, inputs]` in the precision of the maps, which costs little beside
//! the convolution.

use super::address::Address;
use super::buffer::{Buffer, Map, int};
use super::direction::{self, Operands};
use super::directions::{Forward, ToInput, ToWeights};
use super::dnn::Case;
use super::grid::{Cut, Grid};
use super::kernels;
use super::memory::Memory;
use crate::base::Result;
use crate::nn::{Convolution, Precision};

/// `output = convolution(input, weights) + bias`.
pub(super) fn forward(
    shape: &Convolution,
    input: &Map,
    weights: &Buffer,
    bias: Option<&Buffer>,
    output: &mut Map,
) -> Result<()> {
    input.goes_with(output)?;
    let gpu = input.gpu();
    let case = case(shape, input, padded(shape.inputs, input.precision()));
    let padded = Padded::new(&case, input)?;
    let filter = laid_out(&case, weights)?;
    let operands = Operands { input: padded.address(), weights: filter.address(), output: output.address() };
    direction::run::<Forward>(gpu, &case, operands, false, output.bytes())?;
    let Some(bias) = bias else { return Ok(()) };
    let pixels = case.rows * shape.output_pixels();
    let grid = Cut::new(pixels, shape.outputs, case.precision).walk()?;
    kernels::bias(gpu, case.precision, grid, bias.address(), pixels as i64, int(shape.outputs)?, output.address())
}

/// The gradient of the input, added to what is there with `accumulate`.
pub(super) fn input_gradient(
    shape: &Convolution,
    weights: &Buffer,
    output_gradient: &Map,
    accumulate: bool,
    input_gradient: &mut Map,
) -> Result<()> {
    output_gradient.goes_with(input_gradient)?;
    let case = case(shape, input_gradient, shape.inputs);
    let filter = laid_out(&case, weights)?;
    let operands =
        Operands { input: input_gradient.address(), weights: filter.address(), output: output_gradient.address() };
    direction::run::<ToInput>(output_gradient.gpu(), &case, operands, accumulate, input_gradient.bytes())
}

/// The gradients of the weights and the bias.
///
/// cuDNN has no form that reads bfloat16 and writes 32 bits: the sums are 32-bit, their result is rounded once.
pub(super) fn weight_gradient(
    shape: &Convolution,
    input: &Map,
    output_gradient: &Map,
    weights: &mut Buffer,
    bias: Option<&mut Buffer>,
) -> Result<()> {
    input.goes_with(output_gradient)?;
    let gpu = input.gpu();
    let case = case(shape, input, padded(shape.inputs, input.precision()));
    let padded = Padded::new(&case, input)?;
    let filter = Memory::new(gpu, filter_bytes(&case))?;
    let operands = Operands { input: padded.address(), weights: filter.address(), output: output_gradient.address() };
    direction::run::<ToWeights>(gpu, &case, operands, false, filter.bytes())?;
    let [taps, inputs, channels, outputs] = sizes(&case)?;
    let (from, to) = (filter.address(), weights.address());
    kernels::weights_gradient(gpu, case.precision, squares(&case)?, from, taps, inputs, channels, outputs, to)?;
    bias.map_or(Ok(()), |bias| channel_sums(output_gradient, shape.outputs, bias))
}

/// The sum of each channel over all pixels.
fn channel_sums(map: &Map, channels: usize, sums: &mut Buffer) -> Result<()> {
    let (gpu, precision) = (map.gpu(), map.precision());
    let pixels = map.len() / channels;
    let cut = Cut::new(pixels, channels, precision);
    let parts = Buffer::new(gpu, cut.parts() * channels)?;
    kernels::channel_sums(gpu, precision, cut.sums()?, map.address(), pixels as i64, int(channels)?, parts.address())?;
    kernels::channel_sums_merge(gpu, cut.merge()?, parts.address(), int(cut.parts())?, int(channels)?, sums.address())
}

fn case(shape: &Convolution, input: &Map, inputs: usize) -> Case {
    Case { shape: *shape, rows: input.len() / shape.input_len(), inputs, precision: input.precision() }
}

/// Channels that the tensor cores are given: images have 3, their loads want 16 bytes.
fn padded(inputs: usize, precision: Precision) -> usize {
    match precision {
        Precision::F32 => inputs,
        Precision::Tf32 => inputs.max(4),
        Precision::Bf16 => inputs.max(8),
    }
}

/// An input with the channels of its case.
enum Padded<'a> {
    Map(&'a Map),
    Copy(Memory),
}

impl<'a> Padded<'a> {
    fn new(case: &Case, input: &'a Map) -> Result<Self> {
        let Case { shape, inputs, precision, .. } = *case;
        if inputs == shape.inputs {
            return Ok(Self::Map(input));
        }
        let (gpu, pixels) = (input.gpu(), input.len() / shape.inputs);
        let copy = Memory::new(gpu, pixels * inputs * precision.bytes() as usize)?;
        let grid = Grid::over(pixels, 256)?;
        let (from, to) = (input.address(), copy.address());
        kernels::pad(gpu, precision, grid, from, pixels as i64, int(shape.inputs)?, int(inputs)?, to)?;
        Ok(Self::Copy(copy))
    }

    fn address(&self) -> Address<'_> {
        match self {
            Self::Map(map) => map.address(),
            Self::Copy(copy) => copy.address(),
        }
    }
}

fn laid_out(case: &Case, weights: &Buffer) -> Result<Memory> {
    let gpu = weights.gpu();
    let filter = Memory::new(gpu, filter_bytes(case))?;
    let [taps, inputs, channels, outputs] = sizes(case)?;
    let (from, to) = (weights.address(), filter.address());
    kernels::weights(gpu, case.precision, squares(case)?, from, taps, inputs, channels, outputs, to)?;
    Ok(filter)
}

fn filter_bytes(case: &Case) -> usize {
    taps(case) * case.inputs * case.shape.outputs * case.precision.bytes() as usize
}

fn taps(case: &Case) -> usize {
    case.shape.kernel * case.shape.kernel
}

/// Pixels of the window, channels of the parameters, channels of the case, outputs.
fn sizes(case: &Case) -> Result<[i32; 4]> {
    Ok([int(taps(case))?, int(case.shape.inputs)?, int(case.inputs)?, int(case.shape.outputs)?])
}

fn squares(case: &Case) -> Result<Grid> {
    Grid::squares(case.shape.outputs, taps(case) * case.inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_get_channels_that_tensor_cores_load() {
        assert_eq!(Precision::F32.bytes() * padded(3, Precision::F32) as u64, 12);
        for precision in [Precision::Tf32, Precision::Bf16] {
            assert_eq!(precision.bytes() * padded(3, precision) as u64, 16);
            assert_eq!(padded(64, precision), 64);
        }
    }
}
