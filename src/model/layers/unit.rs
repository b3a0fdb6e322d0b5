//! A unit: convolution, batch norm, the residual sum if any, and ReLU except on a shortcut.

use crate::base::Result;
use crate::group::TreeSum;
use crate::model::initializer::{Initialization, Initializer};
use crate::model::layers::{BackwardPass, ForwardPass, NormConstants, NormStatistics};
use crate::model::parameters::{ParameterLayout, ParameterSpec, Parameters};
use crate::model::registry::{Registry, square};
use crate::model::shard_norms::ShardNorms;
use crate::nn::{Backend, BufferPool, Convolution, Normalization, ReluOutput, Role, RunningUpdate};

/// The convolution of a unit and the indices of its parameters and running statistics.
#[derive(Clone, Debug)]
pub(in crate::model) struct Unit {
    pub(in crate::model) convolution: Convolution,
    pub(in crate::model) weight: usize,
    pub(in crate::model) bias: Option<usize>,
    pub(in crate::model) scale: usize,
    pub(in crate::model) shift: usize,
    statistics: usize,
    norm: NormConstants,
}

/// Names, shape and initialization of a unit.
pub(super) struct UnitSpec<'a> {
    /// Name of the convolution in torchvision.
    pub(super) convolution_name: &'a str,
    /// Name of the batch norm in torchvision.
    pub(super) norm_name: &'a str,
    pub(super) convolution: Convolution,
    /// Whether the convolution has biases.
    pub(super) bias: bool,
    /// Initial scale of batch norm.
    pub(super) initial_scale: f32,
    pub(super) initialization: Initialization,
    pub(super) norm: NormConstants,
}

/// Destination of the gradient of a unit's input, a map for each shard.
pub(super) enum InputGradient<'a, M> {
    /// Not computed: the input is the images.
    Skip,
    /// Overwrites the maps.
    Write(&'a mut [M]),
    /// Adds to the maps.
    Add(&'a mut [M]),
}

/// The outputs of the ReLU of a unit, one for each shard.
pub(in crate::model) enum UnitOutput<'a, M> {
    /// There is no ReLU.
    None,
    /// The ReLU of the normalized values.
    AfterNorm(&'a [M]),
    /// The ReLU of their sum with a residual.
    AfterSum(&'a [M]),
}

impl<'a, M> UnitOutput<'a, M> {
    /// Returns the output of one shard.
    pub(in crate::model) fn of_shard(&self, shard: usize) -> ReluOutput<'a, M> {
        match self {
            Self::None => ReluOutput::None,
            Self::AfterNorm(maps) => ReluOutput::AfterNorm(&maps[shard]),
            Self::AfterSum(maps) => ReluOutput::AfterSum(&maps[shard]),
        }
    }
}

impl Unit {
    /// Creates a unit and registers its parameters (weight, bias if any, scale, shift), its running statistics and its
    /// rows of the summary.
    ///
    /// # Errors
    /// The map is smaller than the window.
    pub(super) fn new(spec: &UnitSpec<'_>, registry: &mut Registry) -> Result<Self> {
        let shape = spec.convolution;
        shape.check()?;
        let (name, norm_name, output) =
            (spec.convolution_name, spec.norm_name, square(shape.output_side(), shape.outputs));
        let channels = |name, role, initial| ParameterSpec::channels(name, shape.outputs, role, initial);
        let layout =
            ParameterLayout::Convolution { kernel: shape.kernel, inputs: shape.inputs, outputs: shape.outputs };
        let initializer = spec.initialization.convolution(&shape);
        registry.row(
            name,
            format!("convolution {0}x{0}/{1}", shape.kernel, shape.stride),
            output.clone(),
            shape.macs(),
        );
        let weight = ParameterSpec { name: format!("{name}.weight"), layout, role: Role::Weight, initializer };
        let weight = registry.parameter(weight);
        let zeros = Initializer::Constant(0.0);
        let bias = spec.bias.then(|| registry.parameter(channels(format!("{name}.bias"), Role::Bias, zeros)));
        registry.row(norm_name, "batch norm", output, 0);
        let initial_scale = Initializer::Constant(spec.initial_scale);
        let scale = registry.parameter(channels(format!("{norm_name}.weight"), Role::NormScale, initial_scale));
        let shift = registry.parameter(channels(format!("{norm_name}.bias"), Role::NormShift, zeros));
        let statistics = registry.statistics(norm_name, shape.outputs);
        Ok(Self { convolution: shape, weight, bias, scale, shift, statistics, norm: spec.norm })
    }

    /// Returns the number of values of one image's input map.
    pub(super) fn input_len(&self) -> usize {
        self.convolution.input_len()
    }

    /// Returns the output and saves the convolution's output and the moments of batch norm.
    pub(super) fn forward<D: Backend>(
        &self,
        pass: &mut ForwardPass<'_, D>,
        input: &[D::Map],
        residual: Option<&[D::Map]>,
        relu: bool,
    ) -> Result<Vec<D::Map>> {
        let length = self.convolution.output_len();
        let values = &pass.parameters.values;
        let bias = self.bias.map(|bias| &values[bias]);
        let mut convolved = pass.acquire_maps(length)?;
        for (input, convolved) in input.iter().zip(&mut convolved) {
            pass.device.convolution(&self.convolution, input, &values[self.weight], bias, convolved)?;
        }
        let [mean, inv_std] = self.moments(pass, &convolved)?;
        let mut output = pass.acquire_maps(length)?;
        for (i, output) in output.iter_mut().enumerate() {
            let (scale, shift) = (&values[self.scale], &values[self.shift]);
            let norm = Normalization { mean: &mean[i], inv_std: &inv_std[i], scale, shift };
            pass.device.normalize(&norm, &convolved[i], residual.map(|residual| &residual[i]), relu, output)?;
        }
        pass.save_maps(convolved);
        pass.save_buffers(mean);
        pass.save_buffers(inv_std);
        Ok(output)
    }

    /// Returns mean and inverse standard deviation of each shard, `[groups, channels]` each.
    fn moments<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, convolved: &[D::Map]) -> Result<[Vec<D::Buffer>; 2]> {
        let NormConstants { epsilon, momentum } = self.norm;
        let running = match &mut pass.statistics {
            NormStatistics::Running(statistics) => {
                let running = &statistics[self.statistics];
                let (mut mean, mut inv_std) =
                    (pass.buffers.acquire(self.convolution.outputs)?, pass.buffers.acquire(self.convolution.outputs)?);
                pass.device.inv_std(epsilon, &running.variance, &mut inv_std)?;
                pass.device.copy(&running.mean, &mut mean)?;
                return Ok([vec![mean], vec![inv_std]]);
            }
            NormStatistics::Batch => None,
            NormStatistics::Training(statistics) => Some(&mut statistics[self.statistics]),
        };
        if let Some(shards) = &mut pass.shards {
            let moments = shards.moments(pass.device, self.convolution.outputs, convolved, self.statistics, running)?;
            return shards.upload(pass.device, &moments);
        }
        let running =
            running.map(|running| RunningUpdate { mean: &mut running.mean, variance: &mut running.variance, momentum });
        let length = pass.groups * self.convolution.outputs;
        let (mut inv_std, mut mean) = (pass.buffers.acquire(length)?, pass.buffers.acquire(length)?);
        pass.device.batch_moments(pass.groups, epsilon, &convolved[0], &mut mean, &mut inv_std, running)?;
        Ok([vec![mean], vec![inv_std]])
    }

    /// Writes the gradients of the parameters. `gradient`, of the output, becomes that of the residual if there is one.
    pub(super) fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        input: &[D::Map],
        output: UnitOutput<'_, D::Map>,
        gradient: &mut [D::Map],
        input_gradient: InputGradient<'_, D::Map>,
    ) -> Result<()> {
        let (inv_std, mean) = (pass.saved.pop_buffers()?, pass.saved.pop_buffers()?);
        let mut convolved = pass.saved.pop_maps()?;
        let Parameters { values, gradients, .. } = &mut *pass.parameters;
        let (scale, shift) = (&values[self.scale], &values[self.shift]);
        let norm = |i: usize| Normalization { mean: &mean[i], inv_std: &inv_std[i], scale, shift };
        // Weight, bias if any, scale and shift are consecutive.
        let (convolution, norms) = gradients[self.weight..=self.shift].split_at_mut(self.scale - self.weight);
        if let Some(shards) = pass.shards {
            let gradients =
                shards.gradient((pass.device, self.convolution.outputs), norm, output, gradient, &mut convolved)?;
            norms.iter_mut().zip(gradients).for_each(|(into, gradient)| *into = gradient);
        } else {
            let (scale, shift) = norms.split_at_mut(1);
            let (gradient, convolved) = (&mut gradient[0], &mut convolved[0]);
            let output = output.of_shard(0);
            pass.device.normalize_gradient(&norm(0), output, gradient, convolved, &mut scale[0], &mut shift[0])?;
        }
        self.weight_gradient(pass.device, pass.buffers, pass.shards, (input, &convolved), convolution)?;
        let into = match input_gradient {
            InputGradient::Skip => None,
            InputGradient::Write(into) => Some((false, into)),
            InputGradient::Add(into) => Some((true, into)),
        };
        if let Some((accumulate, into)) = into {
            let (shape, weight) = (&self.convolution, &values[self.weight]);
            for (convolved, into) in convolved.iter().zip(into) {
                pass.device.convolution_input_gradient(shape, weight, convolved, accumulate, into)?;
            }
        }
        pass.buffers.release_maps(convolved);
        if pass.shards.is_none() {
            mean.into_iter().chain(inv_std).for_each(|buffer| pass.buffers.release(buffer));
        }
        Ok(())
    }

    /// Writes the gradients of the weight and the bias, if any: the sums over the shards.
    fn weight_gradient<D: Backend>(
        &self,
        device: &D,
        buffers: &mut BufferPool<D>,
        shards: Option<&ShardNorms>,
        (input, output_gradient): (&[D::Map], &[D::Map]),
        into: &mut [D::Buffer],
    ) -> Result<()> {
        let of_shard = |i: usize, into: &mut [D::Buffer]| {
            let (weight, bias) = into.split_at_mut(1);
            let (shape, bias) = (&self.convolution, bias.first_mut());
            device.convolution_weight_gradient(shape, &input[i], &output_gradient[i], &mut weight[0], bias)
        };
        let Some(shards) = shards.filter(|_| input.len() != 1) else { return of_shard(0, into) };
        let (mut sum, mut next) = (TreeSum::default(), 0..input.len());
        for is_present in shards.block() {
            let mut leaf = None;
            if let Some(i) = is_present.then(|| next.next()).flatten() {
                let own = into.iter().map(|buffer| buffers.acquire(device.length(buffer)));
                let mut own = own.collect::<Result<Vec<_>>>()?;
                of_shard(i, &mut own)?;
                leaf = Some(own);
            }
            sum.push(leaf, |left: &mut Vec<D::Buffer>, right| {
                left.iter_mut().zip(&right).try_for_each(|(left, right)| device.add(right, left))?;
                right.into_iter().for_each(|buffer| buffers.release(buffer));
                Ok(())
            })?;
        }
        for (into, sum) in into.iter_mut().zip(sum.finish().into_iter().flatten()) {
            buffers.release(std::mem::replace(into, sum));
        }
        Ok(())
    }
}
