//! The parameters of a network with their gradients, and the running statistics.

use crate::base::Result;
use crate::model::ProjectionConfig;
use crate::model::architecture::{Architecture, UnitShape};
use crate::model::config::ResnetVariant;
use crate::model::initial::{Draw, draw};
use crate::nn::{Backend, Role};
use rayon::prelude::*;

/// How a parameter is stored here and in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `[channels]`.
    Channels(usize),
    /// `[outputs, inputs]`.
    Linear { outputs: usize, inputs: usize },
    /// `[kernel, kernel, inputs, outputs]` here, `[outputs, inputs, kernel, kernel]` in files.
    Convolution { kernel: usize, inputs: usize, outputs: usize },
}

impl Layout {
    /// Number of values.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Channels(channels) => channels,
            Self::Linear { outputs, inputs } => outputs * inputs,
            Self::Convolution { kernel, inputs, outputs } => kernel * kernel * inputs * outputs,
        }
    }
}

/// What is known of a parameter beside its values.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) role: Role,
    draw: Draw,
}

/// Parameters in torchvision's order, those of the head at the end.
#[derive(Debug)]
pub(super) struct Parameters<D: Backend> {
    pub(super) descriptions: Vec<Description>,
    pub(super) values: Vec<D::Buffer>,
    pub(super) gradients: Vec<D::Buffer>,
}

impl<D: Backend> Parameters<D> {
    /// Freshly drawn parameters of an encoder and the head upon it.
    pub(super) fn new(architecture: &Architecture, head: &ProjectionConfig, seed: u64, device: &D) -> Result<Self> {
        let mut descriptions: Vec<Description> =
            architecture.units().flat_map(|unit| describe_unit(unit, architecture.variant)).collect();
        descriptions.extend(describe_head(architecture.features, head, architecture.variant));
        // Each parameter has its own stream, so the threads may take them in any order.
        let drawn: Vec<Vec<f32>> = descriptions
            .par_iter()
            .map(|description| draw(description.draw, description.layout.len(), seed, &description.name))
            .collect();
        let gradients = descriptions.iter().map(|description| device.allocate(description.layout.len()));
        let gradients = gradients.collect::<Result<_>>()?;
        let values = drawn.into_iter().map(|values| device.upload(values)).collect::<Result<_>>()?;
        Ok(Self { descriptions, values, gradients })
    }

    /// Where the parameter of this name is.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.descriptions.iter().position(|description| description.name == name)
    }
}

/// Parameters of a unit: weights, bias if any, scale, shift.
fn describe_unit(unit: &UnitShape, variant: ResnetVariant) -> Vec<Description> {
    let shape = &unit.convolution;
    let area = shape.kernel * shape.kernel;
    let (fan_in, fan_out) = (area * shape.inputs, area * shape.outputs);
    let draw = match variant {
        ResnetVariant::Torchvision => Draw::kaiming_normal(fan_out),
        ResnetVariant::Keras => Draw::glorot_uniform(fan_in, fan_out),
    };
    let layout = Layout::Convolution { kernel: shape.kernel, inputs: shape.inputs, outputs: shape.outputs };
    let channels = |name: String, role, draw| Description { name, layout: Layout::Channels(shape.outputs), role, draw };
    let weight = Description { name: format!("{}.weight", unit.convolution_name), layout, role: Role::Weight, draw };
    let bias = unit.bias.then(|| channels(format!("{}.bias", unit.convolution_name), Role::Bias, Draw::Constant(0.0)));
    let scale = channels(format!("{}.weight", unit.norm_name), Role::NormScale, Draw::Constant(unit.initial_scale));
    let shift = channels(format!("{}.bias", unit.norm_name), Role::NormShift, Draw::Constant(0.0));
    std::iter::once(weight).chain(bias).chain([scale, shift]).collect()
}

/// Of each layer of the head: the linear layer's weight and, without batch norm, bias; batch norm's scale and, but for
/// the head's output, shift. Names are `head.0.weight`, `head.0.bias`, `head.0.norm.weight`, `head.0.norm.bias`.
fn describe_head(features: usize, head: &ProjectionConfig, variant: ResnetVariant) -> Vec<Description> {
    let inputs = std::iter::once(&features).chain(&head.layers);
    let layer = |(i, (inputs, outputs)): (usize, (&usize, &usize))| {
        let (weight, bias) = match variant {
            ResnetVariant::Torchvision => (Draw::torch_linear(*inputs), Draw::torch_linear(*inputs)),
            ResnetVariant::Keras => (Draw::glorot_uniform(*inputs, *outputs), Draw::Constant(0.0)),
        };
        let describe = |part, layout, role, draw| Description { name: format!("head.{i}.{part}"), layout, role, draw };
        let channels = |part, role, draw| describe(part, Layout::Channels(*outputs), role, draw);
        let linear = Layout::Linear { outputs: *outputs, inputs: *inputs };
        let weight = describe("weight", linear, Role::Weight, weight);
        if !head.has_norm(i) {
            return vec![weight, channels("bias", Role::Bias, bias)];
        }
        let shift = || channels("norm.bias", Role::NormShift, Draw::Constant(0.0));
        let scale = channels("norm.weight", Role::NormScale, Draw::Constant(1.0));
        [weight, scale].into_iter().chain((!head.is_last(i)).then(shift)).collect()
    };
    inputs.zip(&head.layers).enumerate().flat_map(layer).collect()
}

/// Running mean and variance of one batch norm.
#[derive(Debug)]
pub(super) struct Statistics<D: Backend> {
    /// Name of the batch norm.
    pub(super) name: String,
    pub(super) mean: D::Buffer,
    pub(super) variance: D::Buffer,
}

impl<D: Backend> Statistics<D> {
    /// Means 0 and variances 1 for every batch norm of an encoder, then of the head.
    pub(super) fn of(architecture: &Architecture, head: &ProjectionConfig, device: &D) -> Result<Vec<Self>> {
        let units = architecture.units().map(|unit| (unit.norm_name.clone(), unit.convolution.outputs));
        let layers = head.layers.iter().enumerate().filter(|(layer, _)| head.has_norm(*layer));
        let layers = layers.map(|(layer, outputs)| (format!("head.{layer}.norm"), *outputs));
        units.chain(layers).map(|(name, channels)| Self::fresh(name, channels, device)).collect()
    }

    fn fresh(name: String, channels: usize, device: &D) -> Result<Self> {
        Ok(Self { name, mean: device.allocate(channels)?, variance: device.upload(vec![1.0; channels])? })
    }
}
