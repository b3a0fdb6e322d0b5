//! Batch norm with ReLU and residual, by the kernels; each group of rows is one launch of each.

use super::address::Address;
use super::buffer::{Buffer, Map, int};
use super::grid::{Cut, Grid};
use super::kernels;
use crate::base::Result;
use crate::nn::{Normalization, Precision, Running};

/// A group of rows: one equal range of a map `[pixels, channels]`.
#[derive(Clone, Copy)]
struct Group {
    number: usize,
    pixels: usize,
    channels: usize,
    precision: Precision,
}

impl Group {
    /// The groups of a map.
    fn all(groups: usize, map: &Map, channels: usize) -> impl Iterator<Item = Self> + use<> {
        let (pixels, precision) = (map.len() / channels / groups, map.precision());
        (0..groups).map(move |number| Self { number, pixels, channels, precision })
    }

    /// Where its pixels lie in a map of the same shape.
    fn pixels_of(self, map: &Map) -> Address<'_> {
        map.address().after(self.number * self.pixels * self.channels * self.precision.bytes() as usize)
    }

    /// Where its row lies in numbers `[groups, channels]`.
    fn row_of(self, numbers: &Buffer) -> Address<'_> {
        numbers.address().after(self.number * self.channels * size_of::<f32>())
    }

    fn cut(self) -> Cut {
        Cut::new(self.pixels, self.channels, self.precision)
    }

    /// Pixels and channels as kernels count.
    fn shape(self) -> Result<(i64, i32)> {
        Ok((self.pixels as i64, int(self.channels)?))
    }
}

/// Mean and inverse deviation of each channel of each group, and the running statistics moved.
pub(super) fn moments(
    groups: usize,
    epsilon: f32,
    input: &Map,
    mean: &mut Buffer,
    inverse_deviation: &mut Buffer,
    running: Option<Running<'_, Buffer>>,
) -> Result<()> {
    let (gpu, precision, channels) = (input.gpu(), input.precision(), mean.len() / groups);
    let (running_mean, running_variance, momentum) = match &running {
        Some(running) => (running.mean.address(), running.variance.address(), running.momentum),
        None => (Address::none(), Address::none(), 0.0),
    };
    for group in Group::all(groups, input, channels) {
        let (cut, (count, width)) = (group.cut(), group.shape()?);
        let means = Buffer::new(gpu, cut.parts() * channels)?;
        let squares = Buffer::new(gpu, cut.parts() * channels)?;
        let (parts, means, squares) = (int(cut.parts())?, means.address(), squares.address());
        kernels::moments(gpu, precision, cut.sums()?, group.pixels_of(input), count, width, means, squares)?;
        kernels::moments_merge(
            gpu,
            cut.merge()?,
            means,
            squares,
            parts,
            count,
            width,
            epsilon,
            group.row_of(mean),
            group.row_of(inverse_deviation),
            running_mean,
            running_variance,
            momentum,
        )?;
    }
    Ok(())
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
    let channels = norm.scale.len();
    for group in Group::all(norm.mean.len() / channels, input, channels) {
        let (count, width) = group.shape()?;
        kernels::normalize(
            input.gpu(),
            input.precision(),
            group.cut().walk()?,
            group.pixels_of(input),
            residual.map_or(Address::none(), |residual| group.pixels_of(residual)),
            count,
            width,
            group.row_of(norm.mean),
            group.row_of(norm.inverse_deviation),
            norm.scale.address(),
            norm.shift.address(),
            i32::from(relu),
            group.pixels_of(output),
        )?;
    }
    Ok(())
}

/// The backward pass: `input` becomes its gradient, `gradient` what passes the ReLU.
pub(super) fn gradient(
    norm: &Normalization<'_, Buffer>,
    relu_output: Option<&Map>,
    gradient: &mut Map,
    input: &mut Map,
    scale_gradient: &mut Buffer,
    shift_gradient: &mut Buffer,
) -> Result<()> {
    [Some(&*gradient), relu_output].into_iter().flatten().try_for_each(|other| input.goes_with(other))?;
    let (gpu, channels) = (input.gpu(), norm.scale.len());
    let groups = norm.mean.len() / channels;
    if groups == 1 {
        let sums = [&*scale_gradient, &*shift_gradient];
        return Group::all(1, input, channels)
            .try_for_each(|only| of_group(only, norm, relu_output, gradient, input, sums));
    }
    let (scales, shifts) = (Buffer::new(gpu, groups * channels)?, Buffer::new(gpu, groups * channels)?);
    for group in Group::all(groups, input, channels) {
        of_group(group, norm, relu_output, gradient, input, [&scales, &shifts])?;
    }
    for (parts, sums) in [(&scales, scale_gradient), (&shifts, shift_gradient)] {
        let grid = Grid::row(channels.div_ceil(8))?;
        kernels::channel_sums_merge(gpu, grid, parts.address(), int(groups)?, int(channels)?, sums.address())?;
    }
    Ok(())
}

/// The gradients of one group; those of scale and shift go to its rows of `sums`.
fn of_group(
    group: Group,
    norm: &Normalization<'_, Buffer>,
    relu_output: Option<&Map>,
    gradient: &Map,
    input: &Map,
    sums: [&Buffer; 2],
) -> Result<()> {
    let (gpu, precision, cut, (count, width)) = (input.gpu(), group.precision, group.cut(), group.shape()?);
    let part_products = Buffer::new(gpu, cut.parts() * group.channels)?;
    let part_sums = Buffer::new(gpu, cut.parts() * group.channels)?;
    let (part_products, part_sums, parts) = (part_products.address(), part_sums.address(), int(cut.parts())?);
    let (mean, inverse_deviation) = (group.row_of(norm.mean), group.row_of(norm.inverse_deviation));
    let [scale_gradient, shift_gradient] = sums.map(|sums| group.row_of(sums));
    let stopped = relu_output.map_or(Address::none(), |output| group.pixels_of(output));
    let (input, gradient) = (group.pixels_of(input), group.pixels_of(gradient));
    kernels::gradient_sums(
        gpu,
        precision,
        cut.sums()?,
        input,
        stopped,
        gradient,
        count,
        width,
        mean,
        part_products,
        part_sums,
    )?;
    kernels::gradient_sums_merge(
        gpu,
        cut.merge()?,
        part_products,
        part_sums,
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
        norm.scale.address(),
        scale_gradient,
        shift_gradient,
        input,
    )
}
