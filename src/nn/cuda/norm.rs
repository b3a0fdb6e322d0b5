//! Batch norm with ReLU and residual; each kernel is launched once per group of rows.

use super::address::Address;
use super::buffer::{Buffer, Map, int};
use super::grid::{Grid, Partition};
use super::kernels;
use crate::base::Result;
use crate::nn::{Normalization, Precision, ReluOutput, RunningUpdate};

/// A group of rows with its own statistics: one of several equal ranges of a map `[pixels, channels]`.
#[derive(Clone, Copy)]
pub(super) struct RowGroup {
    index: usize,
    pixels: usize,
    channels: usize,
    precision: Precision,
}

impl RowGroup {
    /// Returns the groups of a map.
    pub(super) fn all(groups: usize, map: &Map, channels: usize) -> impl Iterator<Item = Self> + use<> {
        let (pixels, precision) = (map.len() / channels / groups, map.precision());
        (0..groups).map(move |index| Self { index, pixels, channels, precision })
    }

    /// Returns the address of its pixels in a map of the same shape.
    fn pixels_of(self, map: &Map) -> Address<'_> {
        map.address().offset(self.index * self.pixels * self.channels * self.precision.bytes() as usize)
    }

    /// Returns the address of its row in a buffer `[groups, channels]`.
    fn row_of(self, buffer: &Buffer) -> Address<'_> {
        buffer.address().offset(self.index * self.channels * size_of::<f32>())
    }

    fn partition(self) -> Partition {
        Partition::new(self.pixels, self.channels, self.precision)
    }

    /// Returns pixels and channels in the kernels' types.
    fn shape(self) -> Result<(i64, i32)> {
        Ok((self.pixels as i64, int(self.channels)?))
    }
}

/// Computes the mean and inverse standard deviation of each channel of each group, and updates the running statistics.
pub(super) fn moments(
    groups: usize,
    epsilon: f32,
    input: &Map,
    mean: &mut Buffer,
    inv_std: &mut Buffer,
    running: Option<RunningUpdate<'_, Buffer>>,
) -> Result<()> {
    let (gpu, precision, channels) = (input.gpu(), input.precision(), mean.len() / groups);
    let (running_mean, running_variance, momentum) = match &running {
        Some(running) => (running.mean.address(), running.variance.address(), running.momentum),
        None => (Address::null(), Address::null(), 0.0),
    };
    for group in RowGroup::all(groups, input, channels) {
        let (partition, (count, width)) = (group.partition(), group.shape()?);
        let parts = kernels::parts(gpu, "moments", precision, &partition)?;
        let (means, squares) = (Buffer::new(gpu, parts * channels)?, Buffer::new(gpu, parts * channels)?);
        let (grid, parts, means, squares) =
            (partition.reduction(parts)?, int(parts)?, means.address(), squares.address());
        kernels::moments(gpu, precision, grid, group.pixels_of(input), count, width, means, squares)?;
        kernels::moments_merge(
            gpu,
            partition.merge()?,
            means,
            squares,
            parts,
            count,
            width,
            epsilon,
            group.row_of(mean),
            group.row_of(inv_std),
            running_mean,
            running_variance,
            momentum,
        )?;
    }
    Ok(())
}

/// Computes `1 / sqrt(variance + epsilon)`.
pub(super) fn inv_std(epsilon: f32, variance: &Buffer, output: &mut Buffer) -> Result<()> {
    let channels = variance.len();
    let grid = Grid::over(channels, 256)?;
    kernels::inv_std(variance.gpu(), grid, epsilon, variance.address(), int(channels)?, output.address_mut())
}

/// Computes `[relu](scale * (input - mean) * inv_std + shift [+ residual])`.
pub(super) fn normalize(
    norm: &Normalization<'_, Buffer>,
    input: &Map,
    residual: Option<&Map>,
    relu: bool,
    output: &mut Map,
) -> Result<()> {
    [Some(&*output), residual].into_iter().flatten().try_for_each(|other| input.check_precision(other))?;
    let channels = norm.scale.len();
    for group in RowGroup::all(norm.mean.len() / channels, input, channels) {
        let (count, width) = group.shape()?;
        kernels::normalize(
            input.gpu(),
            input.precision(),
            group.partition().elementwise()?,
            group.pixels_of(input),
            residual.map_or(Address::null(), |residual| group.pixels_of(residual)),
            count,
            width,
            group.row_of(norm.mean),
            group.row_of(norm.inv_std),
            norm.scale.address(),
            norm.shift.address(),
            i32::from(relu),
            group.pixels_of(output),
        )?;
    }
    Ok(())
}

/// The backward pass: replaces `input` by its gradient and, where there is a residual, `gradient` by the gradient before
/// the ReLU.
pub(super) fn gradient(
    norm: &Normalization<'_, Buffer>,
    relu_output: ReluOutput<'_, Map>,
    gradient: &mut Map,
    input: &mut Map,
    scale_gradient: &mut Buffer,
    shift_gradient: &mut Buffer,
) -> Result<()> {
    let maps = GradientMaps::new(relu_output, gradient, input)?;
    let (gpu, channels) = (input.gpu(), norm.scale.len());
    let groups = norm.mean.len() / channels;
    if groups == 1 {
        let sums = [&*scale_gradient, &*shift_gradient];
        return RowGroup::all(1, input, channels).try_for_each(|only| group_gradient(only, norm, &maps, sums));
    }
    let (scales, shifts) = (Buffer::new(gpu, groups * channels)?, Buffer::new(gpu, groups * channels)?);
    for group in RowGroup::all(groups, input, channels) {
        group_gradient(group, norm, &maps, [&scales, &shifts])?;
    }
    for (parts, sums) in [(&scales, scale_gradient), (&shifts, shift_gradient)] {
        let grid = Grid::row(channels.div_ceil(8))?;
        kernels::channel_sums_merge(gpu, grid, parts.address(), int(groups)?, int(channels)?, sums.address_mut())?;
    }
    Ok(())
}

/// The maps of a backward pass.
pub(super) struct GradientMaps<'a> {
    /// Whether the ReLU directly follows the norm.
    relu: bool,
    /// The output of a ReLU after a residual.
    relu_output: Option<&'a Map>,
    gradient: &'a Map,
    input: &'a Map,
}

impl<'a> GradientMaps<'a> {
    pub(super) fn new(relu_output: ReluOutput<'a, Map>, gradient: &'a Map, input: &'a Map) -> Result<Self> {
        input.check_precision(gradient)?;
        // Directly after the norm, the mask of the ReLU is computed from the input.
        let (relu, relu_output) = match relu_output {
            ReluOutput::None => (false, None),
            ReluOutput::AfterNorm(_) => (true, None),
            ReluOutput::AfterSum(output) => (false, Some(output)),
        };
        relu_output.map_or(Ok(()), |output| input.check_precision(output))?;
        Ok(Self { relu, relu_output, gradient, input })
    }
}

/// Computes the gradients of one group; those of scale and shift go to its rows of `sums`.
fn group_gradient(
    group: RowGroup,
    norm: &Normalization<'_, Buffer>,
    maps: &GradientMaps<'_>,
    sums: [&Buffer; 2],
) -> Result<()> {
    group_sums(group, norm, maps, sums)?;
    group_input_gradient(group, norm, maps, sums)
}

/// Computes the gradients of scale and shift of one group, and zeroes the gradient where a ReLU after a residual is 0.
pub(super) fn group_sums(
    group: RowGroup,
    norm: &Normalization<'_, Buffer>,
    maps: &GradientMaps<'_>,
    sums: [&Buffer; 2],
) -> Result<()> {
    let (gpu, precision, partition) = (maps.input.gpu(), group.precision, group.partition());
    let (count, width) = group.shape()?;
    let parts = kernels::parts(gpu, "gradient_sums", precision, &partition)?;
    let length = parts * group.channels;
    let (part_products, part_sums) = (Buffer::new(gpu, length)?, Buffer::new(gpu, length)?);
    let (part_products, part_sums) = (part_products.address(), part_sums.address());
    let (mean, inv_std) = (group.row_of(norm.mean), group.row_of(norm.inv_std));
    let [scale_gradient, shift_gradient] = sums.map(|sums| group.row_of(sums));
    let relu_output = maps.relu_output.map_or(Address::null(), |output| group.pixels_of(output));
    kernels::gradient_sums(
        gpu,
        precision,
        partition.reduction(parts)?,
        group.pixels_of(maps.input),
        relu_output,
        group.pixels_of(maps.gradient),
        count,
        width,
        mean,
        inv_std,
        norm.scale.address(),
        norm.shift.address(),
        i32::from(maps.relu),
        part_products,
        part_sums,
    )?;
    kernels::gradient_sums_merge(
        gpu,
        partition.merge()?,
        part_products,
        part_sums,
        int(parts)?,
        width,
        inv_std,
        scale_gradient,
        shift_gradient,
    )
}

/// Replaces the input of one group by its gradient, given those of scale and shift.
pub(super) fn group_input_gradient(
    group: RowGroup,
    norm: &Normalization<'_, Buffer>,
    maps: &GradientMaps<'_>,
    sums: [&Buffer; 2],
) -> Result<()> {
    let (count, width) = group.shape()?;
    let [scale_gradient, shift_gradient] = sums.map(|sums| group.row_of(sums));
    kernels::input_gradient(
        maps.input.gpu(),
        group.precision,
        group.partition().elementwise()?,
        group.pixels_of(maps.gradient),
        count,
        width,
        group.row_of(norm.mean),
        group.row_of(norm.inv_std),
        norm.scale.address(),
        norm.shift.address(),
        i32::from(maps.relu),
        scale_gradient,
        shift_gradient,
        group.pixels_of(maps.input),
    )
}
