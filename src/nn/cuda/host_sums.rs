//! Sums of batch norm on the host, where those of several maps and ranks are added; the kernels are those of `norm`.

use super::buffer::{Buffer, Map};
use super::norm::{self, GradientMaps, RowGroup};
use crate::base::Result;
use crate::nn::{GradientSums, Moments, Normalization, ReluOutput};

/// Added to the variance before the kernel inverts it, so that a variance of 0 can be recovered.
const EPSILON: f32 = 1e-5;

/// Returns the moments of each channel of each group of rows.
pub(super) fn moments(groups: usize, channels: usize, input: &Map) -> Result<Vec<Moments>> {
    let gpu = input.gpu();
    let (mut mean, mut inv_std) = (Buffer::new(gpu, groups * channels)?, Buffer::new(gpu, groups * channels)?);
    norm::moments(groups, EPSILON, input, &mut mean, &mut inv_std, None)?;
    let (mean, inv_std) = (mean.to_host()?, inv_std.to_host()?);
    let pixels = (input.len() / channels / groups) as f64;
    let squares = |inv_std: &f32| pixels * (f64::from(*inv_std).powi(-2) - f64::from(EPSILON)).max(0.0);
    let of_group = |(mean, inv_std): (&[f32], &[f32])| Moments {
        pixels,
        mean: mean.iter().map(|mean| f64::from(*mean)).collect(),
        squares: inv_std.iter().map(squares).collect(),
    };
    Ok(mean.chunks_exact(channels).zip(inv_std.chunks_exact(channels)).map(of_group).collect())
}

/// Returns the sums of the backward pass of each group of rows.
pub(super) fn gradient_sums(
    norm: &Normalization<'_, Buffer>,
    relu_output: ReluOutput<'_, Map>,
    gradient: &mut Map,
    input: &Map,
) -> Result<Vec<GradientSums>> {
    let (gpu, channels) = (input.gpu(), norm.scale.len());
    let groups = norm.mean.len() / channels;
    let (scales, shifts) = (Buffer::new(gpu, groups * channels)?, Buffer::new(gpu, groups * channels)?);
    let maps = GradientMaps::new(relu_output, gradient, input)?;
    for group in RowGroup::all(groups, input, channels) {
        norm::group_sums(group, norm, &maps, [&scales, &shifts])?;
    }
    let (scales, shifts, inv_std) = (scales.to_host()?, shifts.to_host()?, norm.inv_std.to_host()?);
    let pixels = (input.len() / channels / groups) as f64;
    let wide = |values: &[f32]| values.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>();
    let of_group = |group: usize| {
        let own = group * channels..(group + 1) * channels;
        let products = scales[own.clone()].iter().zip(&inv_std[own.clone()]);
        let products = products.map(|(scale, inv_std)| f64::from(*scale) / f64::from(*inv_std)).collect();
        GradientSums { pixels, products, sums: wide(&shifts[own]) }
    };
    Ok((0..groups).map(of_group).collect())
}

/// Replaces `input` by its gradient, given the sums over all pixels of each group, of which the map has a part.
pub(super) fn input_gradient(
    norm: &Normalization<'_, Buffer>,
    relu_output: ReluOutput<'_, Map>,
    sums: &[GradientSums],
    gradient: &mut Map,
    input: &mut Map,
) -> Result<()> {
    let (gpu, channels) = (input.gpu(), norm.scale.len());
    let groups = norm.mean.len() / channels;
    let inv_std = norm.inv_std.to_host()?;
    let pixels = (input.len() / channels / groups) as f64;
    // The kernel divides by the pixels of the map.
    let means = |sums: &GradientSums, values: Vec<f32>| -> Vec<f32> {
        values.into_iter().map(|value| (f64::from(value) * pixels / sums.pixels) as f32).collect()
    };
    let (mut scales, mut shifts) = (Vec::new(), Vec::new());
    for (sums, inv_std) in sums.iter().zip(inv_std.chunks_exact(channels)) {
        scales.extend(means(sums, sums.of_scale(inv_std)));
        shifts.extend(means(sums, sums.of_shift()));
    }
    let (scales, shifts) = (Buffer::from_host(gpu, &scales)?, Buffer::from_host(gpu, &shifts)?);
    let maps = GradientMaps::new(relu_output, gradient, input)?;
    let mut all = RowGroup::all(groups, input, channels);
    all.try_for_each(|group| norm::group_input_gradient(group, norm, &maps, [&scales, &shifts]))
}
