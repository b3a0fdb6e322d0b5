//! The parameters of a network with their gradients, and the running statistics.

use crate::base::Result;
use crate::model::architecture::{Architecture, UnitShape};
use crate::model::config::Flavour;
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
    pub(super) fn new(architecture: &Architecture, head: &[usize], seed: u64, device: &D) -> Result<Self> {
        let mut descriptions: Vec<Description> =
            architecture.units().flat_map(|unit| describe_unit(unit, architecture.flavour)).collect();
        descriptions.extend(describe_head(architecture.features, head, architecture.flavour));
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
}

/// Parameters of a unit: weights, bias if any, scale, shift.
fn describe_unit(unit: &UnitShape, flavour: Flavour) -> Vec<Description> {
    let shape = &unit.convolution;
    let area = shape.kernel * shape.kernel;
    let (fan_in, fan_out) = (area * shape.inputs, area * shape.outputs);
    let draw = match flavour {
        Flavour::Torchvision => Draw::kaiming_normal(fan_out),
        Flavour::Keras => Draw::glorot_uniform(fan_in, fan_out),
    };
    let layout = Layout::Convolution { kernel: shape.kernel, inputs: shape.inputs, outputs: shape.outputs };
    let channels = |name: String, role, draw| Description { name, layout: Layout::Channels(shape.outputs), role, draw };
    let weight = Description { name: format!("{}.weight", unit.convolution_name), layout, role: Role::Weight, draw };
    let bias = unit.bias.then(|| channels(format!("{}.bias", unit.convolution_name), Role::Bias, Draw::Constant(0.0)));
    let scale = channels(format!("{}.weight", unit.norm_name), Role::NormScale, Draw::Constant(1.0));
    let shift = channels(format!("{}.bias", unit.norm_name), Role::NormShift, Draw::Constant(0.0));
    std::iter::once(weight).chain(bias).chain([scale, shift]).collect()
}

/// Weight and bias of each linear layer, `head.0.weight` and so on.
fn describe_head(features: usize, head: &[usize], flavour: Flavour) -> Vec<Description> {
    let inputs = std::iter::once(&features).chain(head);
    let layer = |(i, (inputs, outputs)): (usize, (&usize, &usize))| {
        let (weight, bias) = match flavour {
            Flavour::Torchvision => (Draw::torch_linear(*inputs), Draw::torch_linear(*inputs)),
            Flavour::Keras => (Draw::glorot_uniform(*inputs, *outputs), Draw::Constant(0.0)),
        };
        let describe = |part, layout, role, draw| Description { name: format!("head.{i}.{part}"), layout, role, draw };
        [
            describe("weight", Layout::Linear { outputs: *outputs, inputs: *inputs }, Role::Weight, weight),
            describe("bias", Layout::Channels(*outputs), Role::Bias, bias),
        ]
    };
    inputs.zip(head).enumerate().flat_map(layer).collect()
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
    /// Means 0 and variances 1 for every batch norm of an encoder.
    pub(super) fn of(architecture: &Architecture, device: &D) -> Result<Vec<Self>> {
        let fresh = |unit: &UnitShape| {
            let channels = unit.convolution.outputs;
            let (mean, variance) = (device.allocate(channels)?, device.upload(vec![1.0; channels])?);
            Ok(Self { name: unit.norm_name.clone(), mean, variance })
        };
        architecture.units().map(fresh).collect()
    }
}
