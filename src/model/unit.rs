//! A unit: convolution, batch norm, the residual sum if any, and ReLU except on a shortcut.

use crate::base::Result;
use crate::model::architecture::UnitShape;
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::nn::{Backend, BufferPool, Convolution, Normalization, RunningUpdate};

/// The convolution of a unit and the indices of its parameters and running statistics.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    convolution: Convolution,
    weight: usize,
    bias: Option<usize>,
    scale: usize,
    shift: usize,
    statistics: usize,
}

/// Assigns indices of parameters and running statistics to units created in torchvision's order.
#[derive(Default)]
pub(super) struct IndexCounter {
    parameters: usize,
    statistics: usize,
}

impl IndexCounter {
    fn next(&mut self) -> usize {
        self.parameters += 1;
        self.parameters - 1
    }
}

/// Inputs and buffers of a forward pass.
pub(super) struct ForwardContext<'a, D: Backend> {
    pub(super) device: &'a D,
    pub(super) parameters: &'a Parameters<D>,
    pub(super) statistics: NormStatistics<'a, D>,
    pub(super) buffers: &'a mut BufferPool<D>,
    pub(super) rows: usize,
    /// Number of equal ranges of the rows, each with its own batch statistics.
    pub(super) groups: usize,
    pub(super) epsilon: f32,
    pub(super) momentum: f32,
}

/// Statistics that batch norm uses; running statistics need a single group.
pub(super) enum NormStatistics<'a, D: Backend> {
    /// Those of the batch, which also update the running ones.
    Training(&'a mut [RunningStatistics<D>]),
    /// Those of the batch; the running ones stay as they are.
    Batch,
    /// The running statistics.
    Running(&'a [RunningStatistics<D>]),
}

/// Inputs and buffers of a backward pass.
pub(super) struct BackwardContext<'a, D: Backend> {
    pub(super) device: &'a D,
    pub(super) parameters: &'a mut Parameters<D>,
    pub(super) buffers: &'a mut BufferPool<D>,
    pub(super) rows: usize,
}

/// Activations of a unit saved for the backward pass.
#[derive(Debug)]
pub(super) struct UnitActivations<D: Backend> {
    /// The convolution's output.
    convolved: D::Map,
    mean: D::Buffer,
    inv_std: D::Buffer,
}

impl<D: Backend> UnitActivations<D> {
    pub(super) fn release(self, buffers: &mut BufferPool<D>) {
        buffers.release_map(self.convolved);
        buffers.release(self.mean);
        buffers.release(self.inv_std);
    }
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
    pub(super) fn new(shape: &UnitShape, indices: &mut IndexCounter) -> Self {
        indices.statistics += 1;
        Self {
            convolution: shape.convolution,
            weight: indices.next(),
            bias: shape.bias.then(|| indices.next()),
            scale: indices.next(),
            shift: indices.next(),
            statistics: indices.statistics - 1,
        }
    }

    /// Returns the number of values of one image's input map.
    pub(super) fn input_len(&self) -> usize {
        self.convolution.input_len()
    }

    /// Returns the saved activations and the output.
    pub(super) fn forward<D: Backend>(
        &self,
        context: &mut ForwardContext<'_, D>,
        input: &D::Map,
        residual: Option<&D::Map>,
        relu: bool,
    ) -> Result<(UnitActivations<D>, D::Map)> {
        let length = context.rows * self.convolution.output_len();
        let values = &context.parameters.values;
        let bias = self.bias.map(|bias| &values[bias]);
        let mut convolved = context.buffers.acquire_map(length)?;
        context.device.convolution(&self.convolution, input, &values[self.weight], bias, &mut convolved)?;
        let (mean, inv_std) = self.moments(context, &convolved)?;
        let norm =
            Normalization { mean: &mean, inv_std: &inv_std, scale: &values[self.scale], shift: &values[self.shift] };
        let mut output = context.buffers.acquire_map(length)?;
        context.device.normalize(&norm, &convolved, residual, relu, &mut output)?;
        Ok((UnitActivations { convolved, mean, inv_std }, output))
    }

    /// Returns mean and inverse standard deviation, `[groups, channels]` each.
    fn moments<D: Backend>(
        &self,
        context: &mut ForwardContext<'_, D>,
        convolved: &D::Map,
    ) -> Result<(D::Buffer, D::Buffer)> {
        let length = context.groups * self.convolution.outputs;
        let mut inv_std = context.buffers.acquire(length)?;
        let mut mean = context.buffers.acquire(length)?;
        let momentum = context.momentum;
        let running = match &mut context.statistics {
            NormStatistics::Running(statistics) => {
                let running = &statistics[self.statistics];
                context.device.inv_std(context.epsilon, &running.variance, &mut inv_std)?;
                context.device.copy(&running.mean, &mut mean)?;
                return Ok((mean, inv_std));
            }
            NormStatistics::Batch => None,
            NormStatistics::Training(statistics) => {
                let running = &mut statistics[self.statistics];
                Some(RunningUpdate { mean: &mut running.mean, variance: &mut running.variance, momentum })
            }
        };
        context.device.batch_moments(context.groups, context.epsilon, convolved, &mut mean, &mut inv_std, running)?;
        Ok((mean, inv_std))
    }

    /// Writes the gradients of the parameters. `gradient`, of the output, becomes that of the residual.
    pub(super) fn backward<D: Backend>(
        &self,
        context: &mut BackwardContext<'_, D>,
        mut saved: UnitActivations<D>,
        input: &D::Map,
        relu_output: Option<&D::Map>,
        gradient: &mut D::Map,
        input_gradient: InputGradient<'_, D::Map>,
    ) -> Result<()> {
        let Parameters { values, gradients, .. } = &mut *context.parameters;
        let norm = Normalization {
            mean: &saved.mean,
            inv_std: &saved.inv_std,
            scale: &values[self.scale],
            shift: &values[self.shift],
        };
        // Weight, bias if any, scale and shift are consecutive.
        let (convolution, norms) = gradients[self.weight..=self.shift].split_at_mut(self.scale - self.weight);
        let (scale, shift) = norms.split_at_mut(1);
        let convolved = &mut saved.convolved;
        context.device.normalize_gradient(&norm, relu_output, gradient, convolved, &mut scale[0], &mut shift[0])?;
        let (weight, bias) = convolution.split_at_mut(1);
        let (shape, bias) = (&self.convolution, bias.first_mut());
        context.device.convolution_weight_gradient(shape, input, convolved, &mut weight[0], bias)?;
        let (accumulate, into) = match input_gradient {
            InputGradient::Skip => {
                saved.release(context.buffers);
                return Ok(());
            }
            InputGradient::Write(into) => (false, into),
            InputGradient::Add(into) => (true, into),
        };
        context.device.convolution_input_gradient(shape, &values[self.weight], convolved, accumulate, into)?;
        saved.release(context.buffers);
        Ok(())
    }
}
