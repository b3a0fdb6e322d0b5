//! Batch norm of a batch that is cut into shards: statistics over all shards, those of other ranks included, or over each
//! shard by itself.
//!
//! Moments and sums are merged along the tree over all shards, so that they do not depend on the number of ranks. Running
//! statistics are updated once per step and view: with statistics over each shard, by their mean over the shards.

use crate::base::Result;
use crate::group::{ShardedBatch, TreeSum, add_numbers};
use crate::model::layers::{NormConstants, UnitOutput};
use crate::model::parameters::RunningStatistics;
use crate::nn::moments::update_running;
use crate::nn::{Backend, GradientSums, Moments, Normalization};
use std::collections::BTreeMap;

/// The batch norms of one pass over shards of a batch.
#[derive(Debug)]
pub(in crate::model) struct ShardNorms {
    batch: ShardedBatch,
    /// Which shards of an aligned block the maps are, in order.
    block: Vec<bool>,
    /// Views of a shard, each normalized by itself.
    groups: usize,
    /// Whether statistics are over all shards.
    is_joint: bool,
    norm: NormConstants,
    /// Means and variances of each shard by the index of the running statistics that they will update.
    seen: BTreeMap<usize, Vec<Vec<f64>>>,
}

/// Moments of each group of one shard.
type ShardMoments = Vec<Moments>;

impl ShardNorms {
    /// Prepares a pass over all shards of this rank.
    pub(in crate::model) fn new(batch: &ShardedBatch, groups: usize, is_joint: bool, norm: NormConstants) -> Self {
        let block = batch.leaves(batch.own()).iter().map(Option::is_some).collect();
        Self { batch: batch.clone(), block, groups, is_joint, norm, seen: BTreeMap::new() }
    }

    /// Restricts the next passes to an aligned block of this many shards, all present; the statistics must not be joint.
    pub(in crate::model) fn restrict(&mut self, shards: usize) {
        self.block = vec![true; shards];
    }

    /// Returns which shards of an aligned block the maps are, in order.
    pub(in crate::model) fn block(&self) -> &[bool] {
        &self.block
    }

    /// Returns the moments that normalize each group of each shard, `[channels]` each, and updates the running
    /// statistics, or remembers them for [`ShardNorms::finish`].
    pub(in crate::model) fn moments<D: Backend>(
        &mut self,
        device: &D,
        channels: usize,
        maps: &[D::Map],
        index: usize,
        running: Option<&mut RunningStatistics<D>>,
    ) -> Result<Vec<ShardMoments>> {
        let moments = maps.iter().map(|map| device.moments(self.groups, channels, map)).collect::<Result<Vec<_>>>()?;
        if !self.is_joint {
            if running.is_some() {
                let numbers = moments.iter().map(|groups| groups.iter().flat_map(statistics).collect());
                self.seen.entry(index).or_default().extend(numbers);
            }
            return Ok(moments);
        }
        let (count, shards) = (self.groups, moments.len());
        let own = self.tree(moments, |left, right| {
            left.iter_mut().zip(&right).for_each(|(left, right)| left.merge(right));
            Ok(())
        })?;
        let own = own.unwrap_or_else(|| vec![Moments::empty(channels); count]);
        let numbers: Vec<f64> = own.iter().flat_map(|of| numbers(of.pixels, &of.mean, &of.squares)).collect();
        let whole = self.batch.gathered_sum(
            &numbers,
            |numbers| numbers.chunks_exact(1 + 2 * channels).map(read_moments).collect::<ShardMoments>(),
            |left, right| {
                left.iter_mut().zip(&right).for_each(|(left, right)| left.merge(right));
                Ok(())
            },
        )?;
        let whole = whole.unwrap_or(own);
        if let Some(running) = running {
            update::<D>(device, running, whole.iter().map(|of| statistics(of).collect()), self.norm.momentum)?;
        }
        Ok(vec![whole; shards])
    }

    /// Uploads mean and inverse standard deviation of each shard, `[groups, channels]` each.
    pub(in crate::model) fn upload<D: Backend>(
        &self,
        device: &D,
        moments: &[ShardMoments],
    ) -> Result<[Vec<D::Buffer>; 2]> {
        let mean = |groups: &ShardMoments| {
            device.upload(groups.iter().flat_map(|of| of.mean.iter().map(|mean| *mean as f32)).collect())
        };
        let inv_std =
            |groups: &ShardMoments| device.upload(groups.iter().flat_map(|of| of.inv_std(self.norm.epsilon)).collect());
        Ok([moments.iter().map(mean).collect::<Result<_>>()?, moments.iter().map(inv_std).collect::<Result<_>>()?])
    }

    /// The backward pass: `inputs` become their gradients, and `gradients` those of the residual. Returns the gradients of
    /// scale and shift, summed over the shards of the maps; none if there are none.
    pub(in crate::model) fn gradient<'a, D: Backend>(
        &self,
        (device, channels): (&D, usize),
        norm: impl Fn(usize) -> Normalization<'a, D::Buffer>,
        output: UnitOutput<'_, D::Map>,
        gradients: &mut [D::Map],
        inputs: &mut [D::Map],
    ) -> Result<Vec<D::Buffer>> {
        let (mut sums, mut parameters) = (Vec::new(), Vec::new());
        for (i, (gradient, input)) in gradients.iter_mut().zip(&*inputs).enumerate() {
            let norm = norm(i);
            let groups = device.gradient_sums(&norm, output.of_shard(i), gradient, input)?;
            parameters.push(parameter_gradients(&groups, &device.download(norm.inv_std)?));
            sums.push(groups);
        }
        let whole = if self.is_joint { self.joint_sums(channels, &sums)? } else { None };
        for (i, (gradient, input)) in gradients.iter_mut().zip(inputs).enumerate() {
            let sums = whole.as_ref().unwrap_or(&sums[i]);
            device.norm_input_gradient(&norm(i), output.of_shard(i), sums, gradient, input)?;
        }
        let sum = self.tree(parameters, |left, right| {
            left.iter_mut().flatten().zip(right.iter().flatten()).for_each(|(left, right)| *left += right);
            Ok(())
        })?;
        sum.into_iter().flatten().map(|values| device.upload(values)).collect()
    }

    /// Returns the sums of each group over all shards.
    fn joint_sums(&self, channels: usize, shards: &[Vec<GradientSums>]) -> Result<Option<Vec<GradientSums>>> {
        let add = |left: &mut Vec<GradientSums>, right: Vec<GradientSums>| {
            left.iter_mut().zip(&right).for_each(|(left, right)| left.add(right));
            Ok(())
        };
        let own = self.tree(shards.to_vec(), add)?;
        let empty = GradientSums { pixels: 0.0, products: vec![0.0; channels], sums: vec![0.0; channels] };
        let own = own.unwrap_or_else(|| vec![empty; self.groups]);
        let numbers: Vec<f64> = own.iter().flat_map(|of| numbers(of.pixels, &of.products, &of.sums)).collect();
        let read = |numbers: &[f64]| numbers.chunks_exact(1 + 2 * channels).map(read_sums).collect();
        self.batch.gathered_sum(&numbers, read, add)
    }

    /// Averages the statistics of the shards over all ranks and updates the running statistics with them.
    pub(in crate::model) fn finish<D: Backend>(
        &mut self,
        device: &D,
        statistics: &mut [RunningStatistics<D>],
    ) -> Result<()> {
        if self.is_joint {
            return Ok(());
        }
        let (mut sums, mut lengths) = (Vec::new(), Vec::new());
        for (index, running) in statistics.iter().enumerate() {
            let length = 2 * self.groups * device.length(&running.mean);
            let shards = self.seen.remove(&index).unwrap_or_default();
            let own = self.batch.own_sum(shards, add_numbers)?;
            sums.extend(own.unwrap_or_else(|| vec![0.0; length]));
            lengths.push(length);
        }
        let whole = self.batch.gathered_sum(&sums, <[f64]>::to_vec, add_numbers)?.unwrap_or(sums);
        let shards = self.batch.all().count().max(1) as f64;
        let mut whole = whole.iter().map(|sum| sum / shards);
        for (running, length) in statistics.iter_mut().zip(lengths) {
            let of_layer: Vec<f64> = whole.by_ref().take(length).collect();
            let groups = of_layer.chunks_exact(length / self.groups).map(<[f64]>::to_vec);
            update::<D>(device, running, groups, self.norm.momentum)?;
        }
        Ok(())
    }

    /// Returns the sum over the shards of the maps.
    fn tree<T>(&self, items: Vec<T>, add: impl FnMut(&mut T, T) -> Result<()>) -> Result<Option<T>> {
        let mut items = items.into_iter();
        TreeSum::of(self.block.iter().map(|is_present| if *is_present { items.next() } else { None }), add)
    }
}

/// Returns mean and variance, one after the other.
fn statistics(moments: &Moments) -> impl Iterator<Item = f64> {
    moments.mean.iter().copied().chain(moments.unbiased_variance())
}

/// Moves running statistics towards the mean and variance of each group in turn.
fn update<D: Backend>(
    device: &D,
    running: &mut RunningStatistics<D>,
    groups: impl IntoIterator<Item = Vec<f64>>,
    momentum: f32,
) -> Result<()> {
    let (mut mean, mut variance) = (device.download(&running.mean)?, device.download(&running.variance)?);
    for group in groups {
        let (means, variances) = group.split_at(group.len() / 2);
        update_running(&mut mean, means.iter().copied(), momentum);
        update_running(&mut variance, variances.iter().copied(), momentum);
    }
    (running.mean, running.variance) = (device.upload(mean)?, device.upload(variance)?);
    Ok(())
}

/// Returns the gradients of scale and shift: sums over the groups.
fn parameter_gradients(groups: &[GradientSums], inv_std: &[f32]) -> [Vec<f32>; 2] {
    let channels = inv_std.len() / groups.len();
    let of_group = groups.iter().zip(inv_std.chunks_exact(channels));
    let mut of_group = of_group.map(|(sums, inv_std)| [sums.of_scale(inv_std), sums.of_shift()]);
    let first = of_group.next().unwrap_or_default();
    of_group.fold(first, |mut total, group| {
        total.iter_mut().flatten().zip(group.iter().flatten()).for_each(|(total, value)| *total += value);
        total
    })
}

fn numbers<'a>(pixels: f64, first: &'a [f64], second: &'a [f64]) -> impl Iterator<Item = f64> + use<'a> {
    std::iter::once(pixels).chain(first.iter().copied()).chain(second.iter().copied())
}

fn read_moments(numbers: &[f64]) -> Moments {
    let (mean, squares) = numbers[1..].split_at(numbers.len() / 2);
    Moments { pixels: numbers[0], mean: mean.to_vec(), squares: squares.to_vec() }
}

fn read_sums(numbers: &[f64]) -> GradientSums {
    let (products, sums) = numbers[1..].split_at(numbers.len() / 2);
    GradientSums { pixels: numbers[0], products: products.to_vec(), sums: sums.to_vec() }
}
