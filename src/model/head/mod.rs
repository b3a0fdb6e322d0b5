//! The head g: linear layers with optional batch norm and ReLU between them.

mod config;
mod norm;
mod shards;
mod values;

pub use config::{HeadNorm, ProjectionConfig};
pub(super) use norm::NormMode;
pub(super) use shards::HeadActivations;
pub(super) use values::{HeadValues, dfdx_error};

use crate::base::{Error, Result};
use crate::model::initializer::{Initialization, Initializer};
use crate::model::parameters::{ParameterLayout, ParameterSpec};
use crate::model::registry::Registry;
use crate::nn::Role;

/// The layers of a head; their values are in `Parameters` and `RunningStatistics`.
#[derive(Clone, Debug)]
pub(super) struct Head {
    layers: Vec<LinearLayer>,
}

/// A linear layer, its batch norm if any, and ReLU except after the last layer.
#[derive(Clone, Debug)]
struct LinearLayer {
    inputs: usize,
    outputs: usize,
    /// Index of the weight, `[outputs, inputs]`.
    weight: usize,
    /// Index of the bias, `[outputs]`.
    bias: Option<usize>,
    norm: Option<NormIndices>,
    relu: bool,
}

/// Indices of the parameters and running statistics of a batch norm.
#[derive(Clone, Copy, Debug)]
struct NormIndices {
    scale: usize,
    shift: Option<usize>,
    statistics: usize,
}

impl Head {
    /// Creates the layers of a head on `features` features and registers their parameters (of each layer the weight
    /// and, without batch norm, the bias; of batch norm the scale and, except at the head's output, the shift), running
    /// statistics and rows of the summary. Names are `head.0.weight`, `head.0.bias`, `head.0.norm.weight`,
    /// `head.0.norm.bias`.
    ///
    /// # Errors
    /// A layer has 0 outputs.
    pub(super) fn new(
        config: &ProjectionConfig,
        features: usize,
        initialization: Initialization,
        registry: &mut Registry,
    ) -> Result<Self> {
        if config.layers.contains(&0) {
            let error = Error::usage("a layer of the head has 0 outputs");
            return Err(error.help("give every layer at least one output"));
        }
        let inputs = std::iter::once(&features).chain(&config.layers);
        let layers = inputs.zip(&config.layers).enumerate();
        let layers = layers.map(|(index, (inputs, outputs))| {
            LinearLayer::new(&format!("head.{index}"), (*inputs, *outputs), config, index, initialization, registry)
        });
        Ok(Self { layers: layers.collect() })
    }

    /// Returns the number of outputs of each layer.
    pub(super) fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(|layer| layer.outputs)
    }
}

impl LinearLayer {
    fn new(
        name: &str,
        (inputs, outputs): (usize, usize),
        config: &ProjectionConfig,
        index: usize,
        initialization: Initialization,
        registry: &mut Registry,
    ) -> Self {
        registry.row(name, "linear", vec![outputs], (inputs * outputs) as u64);
        let (weight, bias) = initialization.linear(inputs, outputs);
        let layout = ParameterLayout::Linear { outputs, inputs };
        let weight = ParameterSpec { name: format!("{name}.weight"), layout, role: Role::Weight, initializer: weight };
        let weight = registry.parameter(weight);
        let bias = ParameterSpec::channels(format!("{name}.bias"), outputs, Role::Bias, bias);
        let is_last = config.is_last(index);
        let (bias, norm) = match config.has_norm(index) {
            true => (None, Some(NormIndices::new(&format!("{name}.norm"), outputs, !is_last, registry))),
            false => (Some(registry.parameter(bias)), None),
        };
        Self { inputs, outputs, weight, bias, norm, relu: !is_last }
    }
}

impl NormIndices {
    fn new(name: &str, outputs: usize, has_shift: bool, registry: &mut Registry) -> Self {
        registry.row(name, "batch norm", vec![outputs], 0);
        let channels =
            |name, role, initial| ParameterSpec::channels(name, outputs, role, Initializer::Constant(initial));
        let scale = registry.parameter(channels(format!("{name}.weight"), Role::NormScale, 1.0));
        let shift = channels(format!("{name}.bias"), Role::NormShift, 0.0);
        let shift = has_shift.then(|| registry.parameter(shift));
        Self { scale, shift, statistics: registry.statistics(name, outputs) }
    }
}
