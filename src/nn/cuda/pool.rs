//! Pooling.

use super::arguments::MaxPoolShape;
use super::buffer::{Buffer, Map, int};
use super::grid::{Grid, vector};
use super::kernels;
use crate::base::Result;
use crate::nn::MaxPool;

/// Computes the maximum of each window.
pub(super) fn max_pool(shape: &MaxPool, input: &Map, output: &mut Map) -> Result<()> {
    input.check_precision(output)?;
    let (gpu, precision) = (input.gpu(), input.precision());
    let rows = output.len() / shape.output_len();
    let grid = Grid::over_images(rows, shape.output_len(), vector(shape.channels, precision))?;
    kernels::max_pool(gpu, precision, grid, input.address(), rows as i64, kernel_shape(shape)?, output.address())
}

/// The backward pass of [`max_pool`]: each gradient goes to the first maximum of its window.
pub(super) fn max_pool_gradient(
    shape: &MaxPool,
    input: &Map,
    output: &Map,
    output_gradient: &Map,
    input_gradient: &mut Map,
) -> Result<()> {
    [output, output_gradient, &*input_gradient].into_iter().try_for_each(|other| input.check_precision(other))?;
    let (gpu, precision) = (input.gpu(), input.precision());
    let input_len = shape.side * shape.side * shape.channels;
    let rows = input.len() / input_len;
    kernels::max_pool_gradient(
        gpu,
        precision,
        Grid::over_images(rows, input_len, vector(shape.channels, precision))?,
        input.address(),
        output.address(),
        output_gradient.address(),
        rows as i64,
        kernel_shape(shape)?,
        input_gradient.address(),
    )
}

fn kernel_shape(shape: &MaxPool) -> Result<MaxPoolShape> {
    Ok(MaxPoolShape {
        channels: int(shape.channels)?,
        kernel: int(shape.kernel)?,
        stride: int(shape.stride)?,
        padding: int(shape.padding)?,
        side: int(shape.side)?,
        output_side: int(shape.output_side())?,
    })
}

/// Averages `[rows, pixels, channels]` over the pixels to `[rows, channels]`.
pub(super) fn average_pool(channels: usize, input: &Map, rows: usize, output: &mut Buffer) -> Result<()> {
    let precision = input.precision();
    let pixels = input.len() / (rows * channels);
    let grid = Grid::over_images(rows, channels, vector(channels, precision))?;
    let (pixels, width) = (int(pixels)?, int(channels)?);
    kernels::average_pool(
        input.gpu(),
        precision,
        grid,
        input.address(),
        rows as i64,
        pixels,
        width,
        output.address_mut(),
    )
}

/// The backward pass of [`average_pool`]: each gradient is divided equally among the pixels.
pub(super) fn average_pool_gradient(
    channels: usize,
    output_gradient: &Buffer,
    rows: usize,
    input_gradient: &mut Map,
) -> Result<()> {
    let (gpu, precision) = (input_gradient.gpu(), input_gradient.precision());
    let pixels = input_gradient.len() / (rows * channels);
    let grid = Grid::over_images(rows, pixels * channels, vector(channels, precision))?;
    let (pixels, width) = (int(pixels)?, int(channels)?);
    let to = input_gradient.address();
    kernels::average_pool_gradient(gpu, precision, grid, output_gradient.address(), rows as i64, pixels, width, to)
}
