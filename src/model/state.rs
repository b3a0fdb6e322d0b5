//! Saving and loading: named arrays in torchvision's names and layouts.

use crate::base::{Error, Result};
use crate::model::network::Network;
use crate::model::parameters::{Description, Layout};
use crate::nn::{Backend, NamedTensor};
use std::collections::HashMap;

/// What the names of the head's arrays begin with.
const HEAD: &str = "head.";

impl<D: Backend> Network<D> {
    /// Parameters, then running statistics.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn state(&self) -> Result<Vec<NamedTensor>> {
        let read = |values| self.device().download(values);
        let mut arrays = Vec::new();
        for (about, values) in self.parameters.descriptions.iter().zip(&self.parameters.values) {
            let values = to_file(about.layout, read(values)?);
            arrays.push(NamedTensor { name: about.name.clone(), shape: file_shape(about.layout), values });
        }
        for running in &self.statistics {
            for (part, values) in [("running_mean", &running.mean), ("running_var", &running.variance)] {
                let values = read(values)?;
                arrays.push(NamedTensor {
                    name: format!("{}.{part}", running.name),
                    shape: vec![values.len()],
                    values,
                });
            }
        }
        Ok(arrays)
    }

    /// The gradients of the last backward pass, named and shaped as the parameters: which layer's is not finite, say.
    ///
    /// # Errors
    /// The device cannot be read.
    pub fn gradients(&self) -> Result<Vec<NamedTensor>> {
        let pairs = self.parameters.descriptions.iter().zip(&self.parameters.gradients);
        let array = |(about, gradient): (&Description, _)| {
            let values = to_file(about.layout, self.device().download(gradient)?);
            Ok(NamedTensor { name: about.name.clone(), shape: file_shape(about.layout), values })
        };
        pairs.map(array).collect()
    }

    /// Takes parameters and running statistics from arrays; others are ignored.
    ///
    /// # Errors
    /// An array is missing or has another shape; nothing is changed then.
    pub fn load_state_dict(&mut self, arrays: &[NamedTensor]) -> Result<()> {
        self.load(arrays, |_| true)
    }

    /// Takes the encoder's parameters and running statistics from arrays, and leaves the head as it is.
    ///
    /// # Errors
    /// An array is missing or has another shape; nothing is changed then.
    pub fn load_encoder(&mut self, arrays: &[NamedTensor]) -> Result<()> {
        self.load(arrays, |name| !name.starts_with(HEAD))
    }

    fn load(&mut self, arrays: &[NamedTensor], wanted: impl Fn(&str) -> bool) -> Result<()> {
        let given: HashMap<&str, &NamedTensor> = arrays.iter().map(|array| (array.name.as_str(), array)).collect();
        let mut parameters = Vec::new();
        for (place, about) in self.parameters.descriptions.iter().enumerate().filter(|(_, about)| wanted(&about.name)) {
            let values = find(&given, &about.name, &file_shape(about.layout))?;
            parameters.push((place, self.device().upload(from_file(about.layout, values))?));
        }
        let mut statistics = Vec::new();
        for (place, running) in self.statistics.iter().enumerate().filter(|(_, running)| wanted(&running.name)) {
            let shape = [self.device().length(&running.mean)];
            let mean = find(&given, &format!("{}.running_mean", running.name), &shape)?;
            let variance = find(&given, &format!("{}.running_var", running.name), &shape)?;
            statistics.push((place, self.device().upload(mean.to_vec())?, self.device().upload(variance.to_vec())?));
        }
        for (place, values) in parameters {
            self.parameters.values[place] = values;
        }
        for (place, mean, variance) in statistics {
            let running = &mut self.statistics[place];
            (running.mean, running.variance) = (mean, variance);
        }
        self.parameters_changed()
    }
}

fn find<'a>(given: &HashMap<&str, &'a NamedTensor>, name: &str, shape: &[usize]) -> Result<&'a [f32]> {
    let help = "the file was saved by another network: check encoder, width, stem, variant and head";
    let array = given.get(name).ok_or_else(|| Error::stage(format!("the saved network has no `{name}`")).help(help))?;
    if array.shape == shape && array.values.len() == shape.iter().product::<usize>() {
        return Ok(&array.values);
    }
    Err(Error::stage(format!("`{name}` of the saved network has shape {:?}, not {shape:?}", array.shape)).help(help))
}

pub(super) fn file_shape(layout: Layout) -> Vec<usize> {
    match layout {
        Layout::Channels(channels) => vec![channels],
        Layout::Linear { outputs, inputs } => vec![outputs, inputs],
        Layout::Convolution { kernel, inputs, outputs } => vec![outputs, inputs, kernel, kernel],
    }
}

/// `[kernel, kernel, inputs, outputs]` to `[outputs, inputs, kernel, kernel]`; other layouts are the same.
pub(super) fn to_file(layout: Layout, values: Vec<f32>) -> Vec<f32> {
    match layout {
        Layout::Convolution { kernel, inputs, outputs } => transposed(&values, kernel * kernel * inputs, outputs)
            .chunks_exact(kernel * kernel * inputs)
            .flat_map(|row| transposed(row, kernel * kernel, inputs))
            .collect(),
        Layout::Channels(_) | Layout::Linear { .. } => values,
    }
}

/// The way back from [`to_file`].
pub(super) fn from_file(layout: Layout, values: &[f32]) -> Vec<f32> {
    match layout {
        Layout::Convolution { kernel, inputs, outputs } => {
            let area = kernel * kernel;
            let rows: Vec<f32> =
                values.chunks_exact(area * inputs).flat_map(|row| transposed(row, inputs, area)).collect();
            transposed(&rows, outputs, area * inputs)
        }
        Layout::Channels(_) | Layout::Linear { .. } => values.to_vec(),
    }
}

/// `[rows, columns]` to `[columns, rows]`.
fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
