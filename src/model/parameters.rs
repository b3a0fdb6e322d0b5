//! The parameters of a network with their gradients, and its running statistics.

use crate::base::Result;
use crate::model::initializer::{Initializer, initial_values};
use crate::nn::{Backend, Role};
use rayon::prelude::*;

/// Layout of a parameter in memory and in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParameterLayout {
    /// `[channels]`.
    Channels(usize),
    /// `[outputs, inputs]`.
    Linear { outputs: usize, inputs: usize },
    /// `[kernel, kernel, inputs, outputs]` in memory, `[outputs, inputs, kernel, kernel]` in files.
    Convolution { kernel: usize, inputs: usize, outputs: usize },
}

impl ParameterLayout {
    /// Returns the number of values.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Channels(channels) => channels,
            Self::Linear { outputs, inputs } => outputs * inputs,
            Self::Convolution { kernel, inputs, outputs } => kernel * kernel * inputs * outputs,
        }
    }
}

/// Name, layout, role and initializer of a parameter.
#[derive(Clone, Debug)]
pub(super) struct ParameterSpec {
    pub(super) name: String,
    pub(super) layout: ParameterLayout,
    pub(super) role: Role,
    pub(super) initializer: Initializer,
}

impl ParameterSpec {
    /// Returns the specification of a parameter with one value per channel.
    pub(super) fn channels(name: String, channels: usize, role: Role, initializer: Initializer) -> Self {
        Self { name, layout: ParameterLayout::Channels(channels), role, initializer }
    }
}

/// Name and size of the running statistics of one batch norm.
#[derive(Clone, Debug)]
pub(super) struct StatisticsSpec {
    /// Name of the batch norm.
    pub(super) name: String,
    pub(super) channels: usize,
}

/// Parameters in torchvision's order, those of the head last.
#[derive(Debug)]
pub(super) struct Parameters<D: Backend> {
    pub(super) specs: Vec<ParameterSpec>,
    pub(super) values: Vec<D::Buffer>,
    pub(super) gradients: Vec<D::Buffer>,
}

impl<D: Backend> Parameters<D> {
    /// Initializes parameters.
    pub(super) fn new(specs: Vec<ParameterSpec>, seed: u64, device: &D) -> Result<Self> {
        // Each parameter has its own random stream, so the order of the threads does not matter.
        let initial: Vec<Vec<f32>> = specs
            .par_iter()
            .map(|spec| initial_values(spec.initializer, spec.layout.len(), seed, &spec.name))
            .collect();
        let gradients = specs.iter().map(|spec| device.allocate(spec.layout.len()));
        let gradients = gradients.collect::<Result<_>>()?;
        let values = initial.into_iter().map(|values| device.upload(values)).collect::<Result<_>>()?;
        Ok(Self { specs, values, gradients })
    }
}

/// Running mean and variance of one batch norm.
#[derive(Debug)]
pub(super) struct RunningStatistics<D: Backend> {
    /// Name of the batch norm.
    pub(super) name: String,
    pub(super) mean: D::Buffer,
    pub(super) variance: D::Buffer,
}

impl<D: Backend> RunningStatistics<D> {
    /// Returns mean 0 and variance 1.
    pub(super) fn initial(spec: StatisticsSpec, device: &D) -> Result<Self> {
        let StatisticsSpec { name, channels } = spec;
        Ok(Self { name, mean: device.allocate(channels)?, variance: device.upload(vec![1.0; channels])? })
    }
}
