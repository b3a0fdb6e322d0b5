//! A unit: convolution, batch norm, the residual sum if any, and ReLU except on a shortcut.

use crate::base::Result;
use crate::model::initializer::{Initialization, Initializer};
use crate::model::layers::{BackwardPass, ForwardPass, NormConstants, NormStatistics};
use crate::model::parameters::{ParameterLayout, ParameterSpec, Parameters};
use crate::model::registry::{Registry, square};
use crate::nn::{Backend, Convolution, Normalization, ReluOutput, Role, RunningUpdate};

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

/// Destination of the gradient of a unit's input.
pub(super) enum InputGradient<'a, M> {
    /// Not computed: the input is the images.
    Skip,
    /// Overwrites the map.
    Write(&'a mut M),
    /// Adds to the map.
    Add(&'a mut M),
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
        input: &D::Map,
        residual: Option<&D::Map>,
        relu: bool,
    ) -> Result<D::Map> {
        let length = pass.rows * self.convolution.output_len();
        let values = &pass.parameters.values;
        let bias = self.bias.map(|bias| &values[bias]);
        let mut convolved = pass.buffers.acquire_map(length)?;
        pass.device.convolution(&self.convolution, input, &values[self.weight], bias, &mut convolved)?;
        let (mean, inv_std) = self.moments(pass, &convolved)?;
        let norm =
            Normalization { mean: &mean, inv_std: &inv_std, scale: &values[self.scale], shift: &values[self.shift] };
        let mut output = pass.buffers.acquire_map(length)?;
        pass.device.normalize(&norm, &convolved, residual, relu, &mut output)?;
        pass.save_map(convolved);
        pass.save_buffer(mean);
        pass.save_buffer(inv_std);
        Ok(output)
    }

    /// Returns mean and inverse standard deviation, `[groups, channels]` each.
    fn moments<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, convolved: &D::Map) -> Result<(D::Buffer, D::Buffer)> {
        let length = pass.groups * self.convolution.outputs;
        let mut inv_std = pass.buffers.acquire(length)?;
        let mut mean = pass.buffers.acquire(length)?;
        let NormConstants { epsilon, momentum } = self.norm;
        let running = match &mut pass.statistics {
            NormStatistics::Running(statistics) => {
                let running = &statistics[self.statistics];
                pass.device.inv_std(epsilon, &running.variance, &mut inv_std)?;
                pass.device.copy(&running.mean, &mut mean)?;
                return Ok((mean, inv_std));
            }
            NormStatistics::Batch => None,
            NormStatistics::Training(statistics) => {
                let running = &mut statistics[self.statistics];
                Some(RunningUpdate { mean: &mut running.mean, variance: &mut running.variance, momentum })
            }
        };
        pass.device.batch_moments(pass.groups, epsilon, convolved, &mut mean, &mut inv_std, running)?;
        Ok((mean, inv_std))
    }

    /// Writes the gradients of the parameters. `gradient`, of the output, becomes that of the residual if there is one.
    pub(super) fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        input: &D::Map,
        relu_output: ReluOutput<'_, D::Map>,
        gradient: &mut D::Map,
        input_gradient: InputGradient<'_, D::Map>,
    ) -> Result<()> {
        let (inv_std, mean) = (pass.saved.pop_buffer()?, pass.saved.pop_buffer()?);
        let mut convolved = pass.saved.pop_map()?;
        let Parameters { values, gradients, .. } = &mut *pass.parameters;
        let norm =
            Normalization { mean: &mean, inv_std: &inv_std, scale: &values[self.scale], shift: &values[self.shift] };
        // Weight, bias if any, scale and shift are consecutive.
        let (convolution, norms) = gradients[self.weight..=self.shift].split_at_mut(self.scale - self.weight);
        let (scale, shift) = norms.split_at_mut(1);
        pass.device.normalize_gradient(&norm, relu_output, gradient, &mut convolved, &mut scale[0], &mut shift[0])?;
        let (weight, bias) = convolution.split_at_mut(1);
        let (shape, bias) = (&self.convolution, bias.first_mut());
        pass.device.convolution_weight_gradient(shape, input, &convolved, &mut weight[0], bias)?;
        let into = match input_gradient {
            InputGradient::Skip => None,
            InputGradient::Write(into) => Some((false, into)),
            InputGradient::Add(into) => Some((true, into)),
        };
        if let Some((accumulate, into)) = into {
            pass.device.convolution_input_gradient(shape, &values[self.weight], &convolved, accumulate, into)?;
        }
        pass.buffers.release_map(convolved);
        pass.buffers.release(mean);
        pass.buffers.release(inv_std);
        Ok(())
    }
}
