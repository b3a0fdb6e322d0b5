//! Batch norm of the head, made of dfdx operations on the tape, as `torch.nn.BatchNorm1d`.

use crate::base::Result;
use crate::model::head::{Batch, Channels, Placed, dfdx_error, spread};
use crate::model::parameters::{Parameters, Statistics};
use crate::nn::Backend;
use dfdx::prelude::*;

/// `[groups, rows of a group, outputs]`.
type Grouped<D, T> = Tensor<(usize, usize, usize), f32, D, T>;

/// Which statistics the batch norms of a head use.
pub(super) enum NormMode<'a, D: Backend> {
    /// Those of each of so many equal ranges of the rows.
    Batch { groups: usize, epsilon: f32 },
    /// The running ones, first to last.
    Running { statistics: &'a [Statistics<D>], epsilon: f32 },
}

/// What one batch norm learns.
#[derive(Debug)]
pub(super) struct HeadNormLayer<D: Backend> {
    scale: Placed<(usize,), D>,
    shift: Option<Placed<(usize,), D>>,
}

/// Mean and biased variance of each group, `[groups, outputs]` both; of the running statistics `[1, outputs]`.
pub(super) struct Moments<D: Backend> {
    mean: Batch<D, NoneTape>,
    variance: Batch<D, NoneTape>,
    /// Rows of a group.
    rows: usize,
}

impl<D: Backend> HeadNormLayer<D> {
    /// Copies the parameters of the batch norm of this name; none where the network has no such.
    pub(super) fn of(parameters: &Parameters<D>, name: &str, device: &D) -> Result<Option<Self>> {
        let scale = Placed::channels(parameters, &format!("{name}.weight"), device)?;
        let shift = Placed::channels(parameters, &format!("{name}.bias"), device)?;
        Ok(scale.map(|scale| Self { scale, shift }))
    }

    /// The learned parameters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &Placed<(usize,), D>> {
        std::iter::once(&self.scale).chain(&self.shift)
    }

    /// `scale * (input - mean) / sqrt(variance + epsilon) [+ shift]`, `[rows, outputs]`, and the moments used; `number`
    /// is that of this batch norm among the head's.
    pub(super) fn forward<T: Tape<f32, D> + Merge<T>>(
        &self,
        input: Batch<D, T>,
        mode: &NormMode<'_, D>,
        number: usize,
    ) -> Result<(Batch<D, T>, Moments<D>)> {
        let shape = *input.shape();
        let (normalized, moments) = match mode {
            NormMode::Batch { groups, epsilon } => by_batch(input, *groups, *epsilon)?,
            NormMode::Running { statistics, epsilon } => by_running(input, &statistics[number], *epsilon)?,
        };
        let scaled = normalized.try_mul(spread::<D, T>(&self.scale.values, &shape)?).map_err(dfdx_error)?;
        let Some(shift) = &self.shift else { return Ok((scaled, moments)) };
        let shifted = scaled.try_add(spread::<D, T>(&shift.values, &shape)?).map_err(dfdx_error)?;
        Ok((shifted, moments))
    }
}

/// `(input - mean) / sqrt(variance + epsilon)` by the statistics of each group, which are on the tape.
fn by_batch<D: Backend, T: Tape<f32, D> + Merge<T>>(
    input: Batch<D, T>,
    groups: usize,
    epsilon: f32,
) -> Result<(Batch<D, T>, Moments<D>)> {
    let (rows, outputs) = *input.shape();
    let shape = (groups, rows / groups, outputs);
    let (input, tape) = input.try_reshape_like(&shape).map_err(dfdx_error)?.split_tape();
    let mean = group_mean(input.retaped::<T>())?;
    let (mean, mean_tape) = mean.split_tape();
    let spread_mean = over_groups(mean.clone().put_tape(mean_tape), &shape)?;
    let centered = input.put_tape(tape).try_sub(spread_mean).map_err(dfdx_error)?;
    let (centered, tape) = centered.split_tape();
    let squares = centered.retaped::<T>().try_square().map_err(dfdx_error)?;
    let (variance, variance_tape) = group_mean(squares)?.split_tape();
    let deviation = variance.clone().put_tape(variance_tape).try_add(epsilon).map_err(dfdx_error)?;
    let deviation = over_groups(deviation.try_sqrt().map_err(dfdx_error)?, &shape)?;
    let normalized = centered.put_tape(tape).try_div(deviation).map_err(dfdx_error)?;
    let normalized = normalized.try_reshape_like(&(rows, outputs)).map_err(dfdx_error)?;
    Ok((normalized, Moments { mean, variance, rows: rows / groups }))
}

/// The same by running statistics.
fn by_running<D: Backend, T: Tape<f32, D> + Merge<T>>(
    input: Batch<D, T>,
    statistics: &Statistics<D>,
    epsilon: f32,
) -> Result<(Batch<D, T>, Moments<D>)> {
    let shape = *input.shape();
    let moments = Moments::running(statistics, input.device(), shape.1)?;
    let channels = |row: Batch<D, NoneTape>| row.try_reshape_like(&(shape.1,)).map_err(dfdx_error);
    let mean: Channels<D> = channels(moments.mean.clone())?;
    let deviation = moments.variance.clone().try_add(epsilon).map_err(dfdx_error)?;
    let deviation: Channels<D> = channels(deviation.try_sqrt().map_err(dfdx_error)?)?;
    let centered = input.try_sub(spread::<D, T>(&mean, &shape)?).map_err(dfdx_error)?;
    let normalized = centered.try_div(spread::<D, T>(&deviation, &shape)?).map_err(dfdx_error)?;
    Ok((normalized, moments))
}

/// Mean over the rows of each group, `[groups, outputs]`.
fn group_mean<D: Backend, T: Tape<f32, D> + Merge<T>>(values: Grouped<D, T>) -> Result<Batch<D, T>> {
    values.try_mean::<(usize, usize), Axis<1>>().map_err(dfdx_error)
}

/// The numbers of each group for every row of it.
fn over_groups<D: Backend, T: Tape<f32, D> + Merge<T>>(
    numbers: Batch<D, T>,
    shape: &(usize, usize, usize),
) -> Result<Grouped<D, T>> {
    numbers.try_broadcast_like::<(usize, usize, usize), Axis<1>>(shape).map_err(dfdx_error)
}

impl<D: Backend> Moments<D> {
    fn running(statistics: &Statistics<D>, device: &D, outputs: usize) -> Result<Self> {
        let tensor = |buffer| device.to_tensor(buffer, (1, outputs));
        Ok(Self { mean: tensor(&statistics.mean)?, variance: tensor(&statistics.variance)?, rows: 1 })
    }

    /// Moves running statistics towards these moments, one group after the other; the variance with Bessel's
    /// correction.
    pub(super) fn follow(&self, statistics: &mut Statistics<D>, momentum: f32, device: &D) -> Result<()> {
        let rows = self.rows as f32;
        let corrected = self.variance.clone().try_mul(rows / (rows - 1.0).max(1.0)).map_err(dfdx_error)?;
        for (running, moments) in [(&mut statistics.mean, &self.mean), (&mut statistics.variance, &corrected)] {
            let (groups, outputs) = *moments.shape();
            let keep = 1.0 - momentum;
            // What is left of each group's share when those after it have had theirs.
            let shares = (1..=groups).map(|group| momentum * keep.powi((groups - group) as i32)).collect();
            let shares = device.try_tensor_from_vec(shares, (1, groups)).map_err(dfdx_error)?;
            let kept =
                device.to_tensor(running, (1, outputs))?.try_mul(keep.powi(groups as i32)).map_err(dfdx_error)?;
            let moved = kept.try_add(shares.try_matmul(moments.clone()).map_err(dfdx_error)?).map_err(dfdx_error)?;
            *running = device.read_tensor(&moved)?;
        }
        Ok(())
    }
}
