//! Convolution, batch norm and, except before a sum, ReLU.

use crate::base::Result;
use crate::model::architecture::UnitShape;
use crate::model::parameters::{Parameters, Statistics};
use crate::nn::{Backend, BufferPool, Convolution, Normalization, Running};

/// Where a unit's parameters are.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    convolution: Convolution,
    weight: usize,
    bias: Option<usize>,
    scale: usize,
    shift: usize,
    statistics: usize,
}

/// Counts parameters and statistics while units are made in torchvision's order.
#[derive(Default)]
pub(super) struct Places {
    parameters: usize,
    statistics: usize,
}

impl Places {
    fn next(&mut self) -> usize {
        self.parameters += 1;
        self.parameters - 1
    }
}

/// What a forward pass works with.
pub(super) struct Pass<'a, D: Backend> {
    pub(super) device: &'a D,
    pub(super) parameters: &'a Parameters<D>,
    pub(super) statistics: Norms<'a, D>,
    pub(super) buffers: &'a mut BufferPool<D>,
    pub(super) rows: usize,
    /// Equal ranges of the rows that batch norm takes the statistics of, each by itself.
    pub(super) groups: usize,
    pub(super) epsilon: f32,
    pub(super) momentum: f32,
}

/// Which statistics batch norm uses; the running ones are of one group alone.
pub(super) enum Norms<'a, D: Backend> {
    /// The batch's; the running ones move towards them.
    Training(&'a mut [Statistics<D>]),
    /// The batch's alone.
    Batch,
    /// The running ones.
    Running(&'a [Statistics<D>]),
}

/// What a backward pass works with.
pub(super) struct PassBack<'a, D: Backend> {
    pub(super) device: &'a D,
    pub(super) parameters: &'a mut Parameters<D>,
    pub(super) buffers: &'a mut BufferPool<D>,
    pub(super) rows: usize,
}

/// What a unit keeps for the way back.
#[derive(Debug)]
pub(super) struct UnitTrace<D: Backend> {
    /// The convolution's output.
    convolved: D::Map,
    mean: D::Buffer,
    inverse_deviation: D::Buffer,
}

impl<D: Backend> UnitTrace<D> {
    pub(super) fn release(self, buffers: &mut BufferPool<D>) {
        buffers.release_map(self.convolved);
        buffers.release(self.mean);
        buffers.release(self.inverse_deviation);
    }
}

/// Where the gradient of a unit's input goes.
pub(super) enum InputGradient<'a, M> {
    /// Nowhere: the input is the images.
    Unwanted,
    /// Written.
    Write(&'a mut M),
    /// Added to what is there.
    Add(&'a mut M),
}

impl Unit {
    pub(super) fn new(shape: &UnitShape, places: &mut Places) -> Self {
        places.statistics += 1;
        Self {
            convolution: shape.convolution,
            weight: places.next(),
            bias: shape.bias.then(|| places.next()),
            scale: places.next(),
            shift: places.next(),
            statistics: places.statistics - 1,
        }
    }

    /// Numbers in one input.
    pub(super) fn input_len(&self) -> usize {
        self.convolution.input_len()
    }

    /// Gives what the way back needs, and the output.
    pub(super) fn forward<D: Backend>(
        &self,
        pass: &mut Pass<'_, D>,
        input: &D::Map,
        residual: Option<&D::Map>,
        relu: bool,
    ) -> Result<(UnitTrace<D>, D::Map)> {
        let length = pass.rows * self.convolution.output_len();
        let values = &pass.parameters.values;
        let bias = self.bias.map(|bias| &values[bias]);
        let mut convolved = pass.buffers.acquire_map(length)?;
        pass.device.convolution(&self.convolution, input, &values[self.weight], bias, &mut convolved)?;
        let (mean, inverse_deviation) = self.moments(pass, &convolved)?;
        let norm = Normalization {
            mean: &mean,
            inverse_deviation: &inverse_deviation,
            scale: &values[self.scale],
            shift: &values[self.shift],
        };
        let mut output = pass.buffers.acquire_map(length)?;
        pass.device.normalize(&norm, &convolved, residual, relu, &mut output)?;
        Ok((UnitTrace { convolved, mean, inverse_deviation }, output))
    }

    fn moments<D: Backend>(&self, pass: &mut Pass<'_, D>, convolved: &D::Map) -> Result<(D::Buffer, D::Buffer)> {
        let numbers = pass.groups * self.convolution.outputs;
        let mut inverse = pass.buffers.acquire(numbers)?;
        let mut mean = pass.buffers.acquire(numbers)?;
        let momentum = pass.momentum;
        let running = match &mut pass.statistics {
            Norms::Running(statistics) => {
                let running = &statistics[self.statistics];
                pass.device.inverse_deviation(pass.epsilon, &running.variance, &mut inverse)?;
                pass.device.copy(&running.mean, &mut mean)?;
                return Ok((mean, inverse));
            }
            Norms::Batch => None,
            Norms::Training(statistics) => {
                let running = &mut statistics[self.statistics];
                Some(Running { mean: &mut running.mean, variance: &mut running.variance, momentum })
            }
        };
        pass.device.batch_moments(pass.groups, pass.epsilon, convolved, &mut mean, &mut inverse, running)?;
        Ok((mean, inverse))
    }

    /// Writes the parameters' gradients. `gradient` (of the output) becomes that of the residual.
    pub(super) fn backward<D: Backend>(
        &self,
        pass: &mut PassBack<'_, D>,
        mut trace: UnitTrace<D>,
        input: &D::Map,
        relu_output: Option<&D::Map>,
        gradient: &mut D::Map,
        input_gradient: InputGradient<'_, D::Map>,
    ) -> Result<()> {
        let Parameters { values, gradients, .. } = &mut *pass.parameters;
        let norm = Normalization {
            mean: &trace.mean,
            inverse_deviation: &trace.inverse_deviation,
            scale: &values[self.scale],
            shift: &values[self.shift],
        };
        // Weight, bias if any, scale and shift follow each other.
        let (convolution, norms) = gradients[self.weight..=self.shift].split_at_mut(self.scale - self.weight);
        let (scale, shift) = norms.split_at_mut(1);
        let convolved = &mut trace.convolved;
        pass.device.normalize_gradient(&norm, relu_output, gradient, convolved, &mut scale[0], &mut shift[0])?;
        let (weight, bias) = convolution.split_at_mut(1);
        let (shape, bias) = (&self.convolution, bias.first_mut());
        pass.device.convolution_weight_gradient(shape, input, convolved, &mut weight[0], bias)?;
        let (accumulate, into) = match input_gradient {
            InputGradient::Unwanted => {
                trace.release(pass.buffers);
                return Ok(());
            }
            InputGradient::Write(into) => (false, into),
            InputGradient::Add(into) => (true, into),
        };
        pass.device.convolution_input_gradient(shape, &values[self.weight], convolved, accumulate, into)?;
        trace.release(pass.buffers);
        Ok(())
    }
}
