//! Batch norm with ReLU and residual, by the kernels.

use super::address::Address;
use super::buffer::{Buffer, Map, int};
use super::grid::{Cut, Grid};
use super::kernels;
use crate::base::Result;
use crate::nn::{Normalization, Running};

/// Mean and inverse deviation of each channel, and the running statistics moved.
pub(super) fn moments(
    epsilon: f32,
    input: &Map,
    mean: &mut Buffer,
    inverse_deviation: &mut Buffer,
    running: Option<Running<'_, Buffer>>,
) -> Result<()> {
    let (gpu, precision, channels) = (input.gpu(), input.precision(), mean.len());
    let pixels = input.len() / channels;
    let cut = Cut::new(pixels, channels, precision);
    let means = Buffer::new(gpu, cut.parts() * channels)?;
    let squares = Buffer::new(gpu, cut.parts() * channels)?;
    let (count, width, parts) = (pixels as i64, int(channels)?, int(cut.parts())?);
    let (means, squares) = (means.address(), squares.address());
    kernels::moments(gpu, precision, cut.sums()?, input.address(), count, width, means, squares)?;
    let (running_mean, running_variance, momentum) = match &running {
        Some(running) => (running.mean.address(), running.variance.address(), running.momentum),
        None => (Address::none(), Address::none(), 0.0),
    };
    kernels::moments_merge(
        gpu,
        cut.merge()?,
        means,
        squares,
        parts,
        count,
        width,
        epsilon,
        mean.address(),
        inverse_deviation.address(),
        running_mean,
        running_variance,
        momentum,
    )
}

/// `1 / sqrt(variance + epsilon)`.
pub(super) fn inverse_deviation(epsilon: f32, variance: &Buffer, inverse: &mut Buffer) -> Result<()> {
    let channels = variance.len();
    let grid = Grid::over(channels, 256)?;
    kernels::inverse_deviation(variance.gpu(), grid, epsilon, variance.address(), int(channels)?, inverse.address())
}

/// `[relu](scale * (input - mean) * inverse_deviation + shift [+ residual])`.
pub(super) fn normalize(
    norm: &Normalization<'_, Buffer>,
    input: &Map,
    residual: Option<&Map>,
    relu: bool,
    output: &mut Map,
) -> Result<()> {
    [Some(&*output), residual].into_iter().flatten().try_for_each(|other| input.goes_with(other))?;
    let (gpu, precision, channels) = (input.gpu(), input.precision(), norm.mean.len());
    let pixels = input.len() / channels;
    kernels::normalize(
        gpu,
        precision,
        Cut::new(pixels, channels, precision).walk()?,
        input.address(),
        residual.map_or(Address::none(), Map::address),
        pixels as i64,
        int(channels)?,
        norm.mean.address(),
        norm.inverse_deviation.address(),
        norm.scale.address(),
        norm.shift.address(),
        i32::from(relu),
        output.address(),
    )
}

/// The way back: `input` becomes its gradient, `gradient` what passes the ReLU.
pub(super) fn gradient(
    norm: &Normalization<'_, Buffer>,
    relu_output: Option<&Map>,
    gradient: &mut Map,
    input: &mut Map,
    scale_gradient: &mut Buffer,
    shift_gradient: &mut Buffer,
) -> Result<()> {
    [Some(&*gradient), relu_output].into_iter().flatten().try_for_each(|other| input.goes_with(other))?;
    let (gpu, precision, channels) = (input.gpu(), input.precision(), norm.mean.len());
    let pixels = input.len() / channels;
    let cut = Cut::new(pixels, channels, precision);
    let (count, width) = (pixels as i64, int(channels)?);
    let products = Buffer::new(gpu, cut.parts() * channels)?;
    let sums = Buffer::new(gpu, cut.parts() * channels)?;
    let (products, sums) = (products.address(), sums.address());
    let (mean, inverse_deviation) = (norm.mean.address(), norm.inverse_deviation.address());
    let (scale, scale_gradient, shift_gradient) =
        (norm.scale.address(), scale_gradient.address(), shift_gradient.address());
    let stopped = relu_output.map_or(Address::none(), Map::address);
    let (input, gradient) = (input.address(), gradient.address());
    kernels::gradient_sums(gpu, precision, cut.sums()?, input, stopped, gradient, count, width, mean, products, sums)?;
    let parts = int(cut.parts())?;
    kernels::gradient_sums_merge(
        gpu,
        cut.merge()?,
        products,
        sums,
        parts,
        width,
        inverse_deviation,
        scale_gradient,
        shift_gradient,
    )?;
    kernels::input_gradient(
        gpu,
        precision,
        cut.walk()?,
        gradient,
        count,
        width,
        mean,
        inverse_deviation,
        scale,
        scale_gradient,
        shift_gradient,
        input,
    )
}
