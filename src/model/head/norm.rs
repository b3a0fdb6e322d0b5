//! Batch norm of the head as in `torch.nn.BatchNorm1d`, built from dfdx operations on the tape.

use crate::base::Result;
use crate::model::head::NormIndices;
use crate::model::head::values::{Batch, Channels, HeadParameter, broadcast_rows, dfdx_error};
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::nn::Backend;
use dfdx::prelude::*;

/// A batch split into groups, `[groups, rows per group, outputs]`.
type Grouped<D, T> = Tensor<(usize, usize, usize), f32, D, T>;

/// Statistics that the batch norms of a head use.
pub(in crate::model) enum NormMode<'a, D: Backend> {
    /// Those of each of `groups` equal ranges of the rows.
    Batch { groups: usize, epsilon: f32 },
    /// The running statistics of the network.
    Running { statistics: &'a [RunningStatistics<D>], epsilon: f32 },
}

/// Learned parameters of one batch norm.
#[derive(Debug)]
pub(super) struct NormValues<D: Backend> {
    /// Index of the running statistics among those of the network.
    pub(super) statistics: usize,
    scale: HeadParameter<(usize,), D>,
    shift: Option<HeadParameter<(usize,), D>>,
}

/// Mean and biased variance of each group, both `[groups, outputs]`; for running statistics, `[1, outputs]`.
pub(in crate::model) struct Moments<D: Backend> {
    mean: Batch<D, NoneTape>,
    variance: Batch<D, NoneTape>,
    /// Rows per group.
    rows: usize,
}

impl NormIndices {
    /// Copies the parameters of the batch norm.
    pub(super) fn values<D: Backend>(&self, parameters: &Parameters<D>, device: &D) -> Result<NormValues<D>> {
        let channels = |index| HeadParameter::channels(index, parameters, device);
        let shift = self.shift.map(channels).transpose()?;
        Ok(NormValues { statistics: self.statistics, scale: channels(self.scale)?, shift })
    }
}

impl<D: Backend> NormValues<D> {
    /// Iterates over scale and, if any, shift.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &HeadParameter<(usize,), D>> {
        std::iter::once(&self.scale).chain(&self.shift)
    }

    /// Returns `scale * (input - mean) / sqrt(variance + epsilon) [+ shift]`, `[rows, outputs]`, and the moments used.
    pub(super) fn forward<T: Tape<f32, D> + Merge<T>>(
        &self,
        input: Batch<D, T>,
        mode: &NormMode<'_, D>,
    ) -> Result<(Batch<D, T>, Moments<D>)> {
        let shape = *input.shape();
        let (normalized, moments) = match mode {
            NormMode::Batch { groups, epsilon } => normalize_by_batch(input, *groups, *epsilon)?,
            NormMode::Running { statistics, epsilon } => {
                normalize_by_running(input, &statistics[self.statistics], *epsilon)?
            }
        };

        let scaled = normalized.try_mul(broadcast_rows::<D, T>(&self.scale.values, &shape)?).map_err(dfdx_error)?;
        let Some(shift) = &self.shift else { return Ok((scaled, moments)) };
        let shifted = scaled.try_add(broadcast_rows::<D, T>(&shift.values, &shape)?).map_err(dfdx_error)?;
        Ok((shifted, moments))
    }
}

/// Returns `(input - mean) / sqrt(variance + epsilon)` with the statistics of each group, which are on the tape.
fn normalize_by_batch<D: Backend, T: Tape<f32, D> + Merge<T>>(
    input: Batch<D, T>,
    groups: usize,
    epsilon: f32,
) -> Result<(Batch<D, T>, Moments<D>)> {
    let (rows, outputs) = *input.shape();
    let shape = (groups, rows / groups, outputs);
    let (input, tape) = input.try_reshape_like(&shape).map_err(dfdx_error)?.split_tape();
    let mean = group_mean(input.retaped::<T>())?;
    let (mean, mean_tape) = mean.split_tape();
    let group_means = broadcast_groups(mean.clone().put_tape(mean_tape), &shape)?;
    let centered = input.put_tape(tape).try_sub(group_means).map_err(dfdx_error)?;
    let (centered, tape) = centered.split_tape();
    let squares = centered.retaped::<T>().try_square().map_err(dfdx_error)?;
    let (variance, variance_tape) = group_mean(squares)?.split_tape();
    let std = variance.clone().put_tape(variance_tape).try_add(epsilon).map_err(dfdx_error)?;
    let std = broadcast_groups(std.try_sqrt().map_err(dfdx_error)?, &shape)?;
    let normalized = centered.put_tape(tape).try_div(std).map_err(dfdx_error)?;
    let normalized = normalized.try_reshape_like(&(rows, outputs)).map_err(dfdx_error)?;
    Ok((normalized, Moments { mean, variance, rows: rows / groups }))
}

/// Returns `(input - mean) / sqrt(variance + epsilon)` with running statistics.
fn normalize_by_running<D: Backend, T: Tape<f32, D> + Merge<T>>(
    input: Batch<D, T>,
    statistics: &RunningStatistics<D>,
    epsilon: f32,
) -> Result<(Batch<D, T>, Moments<D>)> {
    let shape = *input.shape();
    let moments = Moments::running(statistics, input.device(), shape.1)?;
    let channels = |row: Batch<D, NoneTape>| row.try_reshape_like(&(shape.1,)).map_err(dfdx_error);
    let mean: Channels<D> = channels(moments.mean.clone())?;
    let std = moments.variance.clone().try_add(epsilon).map_err(dfdx_error)?;
    let std: Channels<D> = channels(std.try_sqrt().map_err(dfdx_error)?)?;
    let centered = input.try_sub(broadcast_rows::<D, T>(&mean, &shape)?).map_err(dfdx_error)?;
    let normalized = centered.try_div(broadcast_rows::<D, T>(&std, &shape)?).map_err(dfdx_error)?;
    Ok((normalized, moments))
}

/// Returns the mean over the rows of each group, `[groups, outputs]`.
fn group_mean<D: Backend, T: Tape<f32, D> + Merge<T>>(values: Grouped<D, T>) -> Result<Batch<D, T>> {
    values.try_mean::<(usize, usize), Axis<1>>().map_err(dfdx_error)
}

/// Broadcasts the values of each group, `[groups, outputs]`, to all of its rows.
fn broadcast_groups<D: Backend, T: Tape<f32, D> + Merge<T>>(
    values: Batch<D, T>,
    shape: &(usize, usize, usize),
) -> Result<Grouped<D, T>> {
    values.try_broadcast_like::<(usize, usize, usize), Axis<1>>(shape).map_err(dfdx_error)
}

impl<D: Backend> Moments<D> {
    fn running(statistics: &RunningStatistics<D>, device: &D, outputs: usize) -> Result<Self> {
        let tensor = |buffer| device.to_tensor(buffer, (1, outputs));
        Ok(Self { mean: tensor(&statistics.mean)?, variance: tensor(&statistics.variance)?, rows: 1 })
    }

    /// Updates running statistics with these moments, one group after the other; the variance with Bessel's correction.
    pub(in crate::model) fn update_running(
        &self,
        statistics: &mut RunningStatistics<D>,
        momentum: f32,
        device: &D,
    ) -> Result<()> {
        let rows = self.rows as f32;
        let corrected = self.variance.clone().try_mul(rows / (rows - 1.0).max(1.0)).map_err(dfdx_error)?;
        for (running, moments) in [(&mut statistics.mean, &self.mean), (&mut statistics.variance, &corrected)] {
            let (groups, outputs) = *moments.shape();
            let keep = 1.0 - momentum;
            // Weight of each group after the updates with the groups that follow it.
            let weights = (1..=groups).map(|group| momentum * keep.powi((groups - group) as i32)).collect();
            let weights = device.try_tensor_from_vec(weights, (1, groups)).map_err(dfdx_error)?;
            let kept =
                device.to_tensor(running, (1, outputs))?.try_mul(keep.powi(groups as i32)).map_err(dfdx_error)?;
            let moved = kept.try_add(weights.try_matmul(moments.clone()).map_err(dfdx_error)?).map_err(dfdx_error)?;
            *running = device.read_tensor(&moved)?;
        }
        Ok(())
    }
}
