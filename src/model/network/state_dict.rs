//! The state dict of a network: tensors with torchvision's names and layouts.

use crate::base::{Error, Result};
use crate::model::network::Network;
use crate::model::parameters::{ParameterLayout, ParameterSpec};
use crate::nn::{Backend, NamedTensor};
use std::collections::HashMap;

/// Prefix of the names of the head's tensors.
const HEAD: &str = "head.";

impl<D: Backend> Network<D> {
    /// Returns the parameters, then the running statistics.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn state_dict(&self) -> Result<Vec<NamedTensor>> {
        let read = |values| self.device().download(values);
        let mut tensors = Vec::new();
        for (spec, values) in self.parameters.specs.iter().zip(&self.parameters.values) {
            let values = to_file(spec.layout, read(values)?);
            tensors.push(NamedTensor { name: spec.name.clone(), shape: file_shape(spec.layout), values });
        }
        for running in &self.statistics {
            for (suffix, values) in [("running_mean", &running.mean), ("running_var", &running.variance)] {
                let values = read(values)?;
                tensors.push(NamedTensor {
                    name: format!("{}.{suffix}", running.name),
                    shape: vec![values.len()],
                    values,
                });
            }
        }
        Ok(tensors)
    }

    /// Returns the gradients of the last backward pass, named and shaped as the parameters.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn gradients(&self) -> Result<Vec<NamedTensor>> {
        let pairs = self.parameters.specs.iter().zip(&self.parameters.gradients);
        let tensor = |(spec, gradient): (&ParameterSpec, _)| {
            let values = to_file(spec.layout, self.device().download(gradient)?);
            Ok(NamedTensor { name: spec.name.clone(), shape: file_shape(spec.layout), values })
        };
        pairs.map(tensor).collect()
    }

    /// Loads parameters and running statistics; tensors of other names are ignored.
    ///
    /// # Errors
    /// A tensor is missing or has another shape; the network is unchanged then.
    pub fn load_state_dict(&mut self, tensors: &[NamedTensor]) -> Result<()> {
        self.load(tensors, |_| true)
    }

    /// Loads the encoder's parameters and running statistics and leaves the head as it is.
    ///
    /// # Errors
    /// A tensor is missing or has another shape; the network is unchanged then.
    pub fn load_encoder(&mut self, tensors: &[NamedTensor]) -> Result<()> {
        self.load(tensors, |name| !name.starts_with(HEAD))
    }

    fn load(&mut self, tensors: &[NamedTensor], wanted: impl Fn(&str) -> bool) -> Result<()> {
        let given: HashMap<&str, &NamedTensor> = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut parameters = Vec::new();
        for (index, spec) in self.parameters.specs.iter().enumerate().filter(|(_, spec)| wanted(&spec.name)) {
            let values = find(&given, &spec.name, &file_shape(spec.layout))?;
            parameters.push((index, self.device().upload(from_file(spec.layout, values))?));
        }
        let mut statistics = Vec::new();
        for (index, running) in self.statistics.iter().enumerate().filter(|(_, running)| wanted(&running.name)) {
            let shape = [self.device().length(&running.mean)];
            let mean = find(&given, &format!("{}.running_mean", running.name), &shape)?;
            let variance = find(&given, &format!("{}.running_var", running.name), &shape)?;
            statistics.push((index, self.device().upload(mean.to_vec())?, self.device().upload(variance.to_vec())?));
        }
        for (index, values) in parameters {
            self.parameters.values[index] = values;
        }
        for (index, mean, variance) in statistics {
            let running = &mut self.statistics[index];
            (running.mean, running.variance) = (mean, variance);
        }
        self.parameters_changed()
    }
}

fn find<'a>(given: &HashMap<&str, &'a NamedTensor>, name: &str, shape: &[usize]) -> Result<&'a [f32]> {
    let help = "the weights are of a different network: check encoder, width, stem, variant and head";
    let missing = || Error::stage(format!("the saved weights have no tensor `{name}`")).help(help);
    let tensor = given.get(name).ok_or_else(missing)?;
    if tensor.shape == shape && tensor.values.len() == shape.iter().product::<usize>() {
        return Ok(&tensor.values);
    }
    let found = &tensor.shape;
    Err(Error::stage(format!("tensor `{name}` has shape {found:?} in the saved weights, expected {shape:?}"))
        .help(help))
}

/// Returns the shape of a parameter in files.
pub(in crate::model) fn file_shape(layout: ParameterLayout) -> Vec<usize> {
    match layout {
        ParameterLayout::Channels(channels) => vec![channels],
        ParameterLayout::Linear { outputs, inputs } => vec![outputs, inputs],
        ParameterLayout::Convolution { kernel, inputs, outputs } => vec![outputs, inputs, kernel, kernel],
    }
}

/// Converts `[kernel, kernel, inputs, outputs]` to `[outputs, inputs, kernel, kernel]`; other layouts are the same in
/// memory and in files.
pub(in crate::model) fn to_file(layout: ParameterLayout, values: Vec<f32>) -> Vec<f32> {
    match layout {
        ParameterLayout::Convolution { kernel, inputs, outputs } => {
            transposed(&values, kernel * kernel * inputs, outputs)
                .chunks_exact(kernel * kernel * inputs)
                .flat_map(|row| transposed(row, kernel * kernel, inputs))
                .collect()
        }
        ParameterLayout::Channels(_) | ParameterLayout::Linear { .. } => values,
    }
}

/// Inverse of [`to_file`].
pub(in crate::model) fn from_file(layout: ParameterLayout, values: &[f32]) -> Vec<f32> {
    match layout {
        ParameterLayout::Convolution { kernel, inputs, outputs } => {
            let area = kernel * kernel;
            let rows: Vec<f32> =
                values.chunks_exact(area * inputs).flat_map(|row| transposed(row, inputs, area)).collect();
            transposed(&rows, outputs, area * inputs)
        }
        ParameterLayout::Channels(_) | ParameterLayout::Linear { .. } => values.to_vec(),
    }
}

/// Transposes `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
