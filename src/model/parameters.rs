//! The parameters of a network with their gradients, and its running statistics.

use crate::base::Result;
use crate::model::ProjectionConfig;
use crate::model::architecture::{Architecture, UnitShape};
use crate::model::config::ResnetVariant;
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
    initializer: Initializer,
}

/// Parameters in torchvision's order, those of the head last.
#[derive(Debug)]
pub(super) struct Parameters<D: Backend> {
    pub(super) specs: Vec<ParameterSpec>,
    pub(super) values: Vec<D::Buffer>,
    pub(super) gradients: Vec<D::Buffer>,
}

impl<D: Backend> Parameters<D> {
    /// Initializes the parameters of an encoder and its head.
    pub(super) fn new(architecture: &Architecture, head: &ProjectionConfig, seed: u64, device: &D) -> Result<Self> {
        let mut specs: Vec<ParameterSpec> =
            architecture.units().flat_map(|unit| unit_specs(unit, architecture.variant)).collect();
        specs.extend(head_specs(architecture.features, head, architecture.variant));
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

    /// Returns the index of the parameter of this name.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.specs.iter().position(|spec| spec.name == name)
    }
}

/// Returns the parameters of a unit: weights, bias if any, scale, shift.
fn unit_specs(unit: &UnitShape, variant: ResnetVariant) -> Vec<ParameterSpec> {
    let shape = &unit.convolution;
    let area = shape.kernel * shape.kernel;
    let (fan_in, fan_out) = (area * shape.inputs, area * shape.outputs);
    let initializer = match variant {
        ResnetVariant::Torchvision => Initializer::kaiming_normal(fan_out),
        ResnetVariant::Keras => Initializer::glorot_uniform(fan_in, fan_out),
    };
    let layout = ParameterLayout::Convolution { kernel: shape.kernel, inputs: shape.inputs, outputs: shape.outputs };
    let channels = |name: String, role, initializer| ParameterSpec {
        name,
        layout: ParameterLayout::Channels(shape.outputs),
        role,
        initializer,
    };
    let weight =
        ParameterSpec { name: format!("{}.weight", unit.convolution_name), layout, role: Role::Weight, initializer };
    let bias =
        unit.bias.then(|| channels(format!("{}.bias", unit.convolution_name), Role::Bias, Initializer::Constant(0.0)));
    let scale =
        channels(format!("{}.weight", unit.norm_name), Role::NormScale, Initializer::Constant(unit.initial_scale));
    let shift = channels(format!("{}.bias", unit.norm_name), Role::NormShift, Initializer::Constant(0.0));
    std::iter::once(weight).chain(bias).chain([scale, shift]).collect()
}

/// Returns the parameters of the head. For each layer: the linear layer's weight and, without batch norm, bias; batch
/// norm's scale and, except at the head's output, shift. Names are `head.0.weight`, `head.0.bias`,
/// `head.0.norm.weight`, `head.0.norm.bias`.
fn head_specs(features: usize, head: &ProjectionConfig, variant: ResnetVariant) -> Vec<ParameterSpec> {
    let inputs = std::iter::once(&features).chain(&head.layers);
    let layer = |(i, (inputs, outputs)): (usize, (&usize, &usize))| {
        let (weight, bias) = match variant {
            ResnetVariant::Torchvision => (Initializer::torch_linear(*inputs), Initializer::torch_linear(*inputs)),
            ResnetVariant::Keras => (Initializer::glorot_uniform(*inputs, *outputs), Initializer::Constant(0.0)),
        };
        let spec = |suffix, layout, role, initializer| ParameterSpec {
            name: format!("head.{i}.{suffix}"),
            layout,
            role,
            initializer,
        };
        let channels = |suffix, role, initializer| spec(suffix, ParameterLayout::Channels(*outputs), role, initializer);
        let linear = ParameterLayout::Linear { outputs: *outputs, inputs: *inputs };
        let weight = spec("weight", linear, Role::Weight, weight);
        if !head.has_norm(i) {
            return vec![weight, channels("bias", Role::Bias, bias)];
        }
        let shift = || channels("norm.bias", Role::NormShift, Initializer::Constant(0.0));
        let scale = channels("norm.weight", Role::NormScale, Initializer::Constant(1.0));
        [weight, scale].into_iter().chain((!head.is_last(i)).then(shift)).collect()
    };
    inputs.zip(&head.layers).enumerate().flat_map(layer).collect()
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
    /// Returns means 0 and variances 1 for every batch norm of an encoder, then of its head.
    pub(super) fn initial(architecture: &Architecture, head: &ProjectionConfig, device: &D) -> Result<Vec<Self>> {
        let units = architecture.units().map(|unit| (unit.norm_name.clone(), unit.convolution.outputs));
        let layers = head.layers.iter().enumerate().filter(|(layer, _)| head.has_norm(*layer));
        let layers = layers.map(|(layer, outputs)| (format!("head.{layer}.norm"), *outputs));
        units.chain(layers).map(|(name, channels)| Self::identity(name, channels, device)).collect()
    }

    fn identity(name: String, channels: usize, device: &D) -> Result<Self> {
        Ok(Self { name, mean: device.allocate(channels)?, variance: device.upload(vec![1.0; channels])? })
    }
}
