//! The head on the shards of a batch, without dfdx's tape: linear layers as 1x1 convolutions of maps of one pixel, so that
//! the gradient of each shard is computed by itself and batch norm can use the statistics of all shards.

use crate::base::Result;
use crate::group::TreeSum;
use crate::model::head::{Head, LinearLayer, NormIndices};
use crate::model::layers::UnitOutput;
use crate::model::parameters::{Parameters, RunningStatistics};
use crate::model::shard_norms::ShardNorms;
use crate::nn::{Backend, Convolution, Normalization, Precision};

/// What the backward pass of a head needs, by layer.
#[derive(Debug)]
pub(in crate::model) struct HeadActivations<D: Backend> {
    layers: Vec<LayerActivations<D>>,
}

/// Activations of one layer, a map for each shard.
#[derive(Debug)]
struct LayerActivations<D: Backend> {
    inputs: Vec<D::Map>,
    norm: Option<NormActivations<D>>,
    /// Outputs, if a ReLU is last.
    outputs: Vec<D::Map>,
}

/// Input and moments of a batch norm.
#[derive(Debug)]
struct NormActivations<D: Backend> {
    inputs: Vec<D::Map>,
    mean: Vec<D::Buffer>,
    inv_std: Vec<D::Buffer>,
}

impl Head {
    /// Returns the output of each shard, `[rows, last width]`, of features `[rows, features]`. Running statistics are
    /// updated, or remembered by `shards`, if they are given.
    pub(in crate::model) fn forward_shards<D: Backend>(
        &self,
        device: &D,
        parameters: &Parameters<D>,
        mut statistics: Option<&mut [RunningStatistics<D>]>,
        shards: &mut ShardNorms,
        features: Vec<D::Map>,
    ) -> Result<(Vec<Vec<f32>>, HeadActivations<D>)> {
        let (mut maps, mut layers) = (features, Vec::new());
        for layer in &self.layers {
            let (outputs, activations) =
                layer.forward_shards(device, parameters, statistics.as_deref_mut(), shards, maps)?;
            layers.push(activations);
            maps = outputs;
        }
        let z = maps.iter().map(|map| device.download_map(map)).collect::<Result<_>>()?;
        Ok((z, HeadActivations { layers }))
    }

    /// Writes the gradients of the parameters, summed over the shards, and returns those of the features.
    pub(in crate::model) fn backward_shards<D: Backend>(
        &self,
        device: &D,
        parameters: &mut Parameters<D>,
        shards: &ShardNorms,
        activations: HeadActivations<D>,
        gradients: Vec<Vec<f32>>,
    ) -> Result<Vec<D::Map>> {
        let mut maps = gradients.into_iter().map(|one| upload(device, one)).collect::<Result<Vec<_>>>()?;
        for (layer, activations) in self.layers.iter().zip(activations.layers).rev() {
            maps = layer.backward_shards(device, parameters, shards, activations, maps)?;
        }
        Ok(maps)
    }
}

impl LinearLayer {
    fn forward_shards<D: Backend>(
        &self,
        device: &D,
        parameters: &Parameters<D>,
        statistics: Option<&mut [RunningStatistics<D>]>,
        shards: &mut ShardNorms,
        inputs: Vec<D::Map>,
    ) -> Result<(Vec<D::Map>, LayerActivations<D>)> {
        let (shape, weight) = (self.convolution(), self.transposed(device, parameters)?);
        let bias = self.bias.map(|bias| &parameters.values[bias]);
        let mut linear = Vec::new();
        for input in &inputs {
            let mut output = allocate(device, device.map_length(input) / self.inputs * self.outputs)?;
            device.convolution(&shape, input, &weight, bias, &mut output)?;
            linear.push(output);
        }
        let Some(indices) = &self.norm else {
            let outputs =
                if self.relu { linear.iter().map(|map| relu(device, map)).collect::<Result<_>>()? } else { linear };
            let kept = if self.relu { copies(device, &outputs)? } else { Vec::new() };
            return Ok((outputs, LayerActivations { inputs, norm: None, outputs: kept }));
        };
        let running = statistics.map(|statistics| &mut statistics[indices.statistics]);
        let moments = shards.moments(device, self.outputs, &linear, indices.statistics, running)?;
        let [mean, inv_std] = shards.upload(device, &moments)?;
        let (scale, shift) = (&parameters.values[indices.scale], self.shift(indices, device, parameters)?);
        let mut outputs = Vec::new();
        for (i, linear) in linear.iter().enumerate() {
            let norm = Normalization { mean: &mean[i], inv_std: &inv_std[i], scale, shift: &shift };
            let mut output = allocate(device, device.map_length(linear))?;
            device.normalize(&norm, linear, None, self.relu, &mut output)?;
            outputs.push(output);
        }
        let kept = if self.relu { copies(device, &outputs)? } else { Vec::new() };
        let norm = Some(NormActivations { inputs: linear, mean, inv_std });
        Ok((outputs, LayerActivations { inputs, norm, outputs: kept }))
    }

    fn backward_shards<D: Backend>(
        &self,
        device: &D,
        parameters: &mut Parameters<D>,
        shards: &ShardNorms,
        activations: LayerActivations<D>,
        mut gradients: Vec<D::Map>,
    ) -> Result<Vec<D::Map>> {
        let LayerActivations { inputs, norm, outputs } = activations;
        match (norm, &self.norm) {
            (Some(NormActivations { inputs: mut linear, mean, inv_std }), Some(indices)) => {
                let (scale, shift) = (&parameters.values[indices.scale], self.shift(indices, device, parameters)?);
                let norm = |i: usize| Normalization { mean: &mean[i], inv_std: &inv_std[i], scale, shift: &shift };
                let output = if self.relu { UnitOutput::AfterNorm(&outputs) } else { UnitOutput::None };
                let of_norm = shards.gradient((device, self.outputs), norm, output, &mut gradients, &mut linear)?;
                let into = [Some(indices.scale), indices.shift];
                for (index, gradient) in into.into_iter().zip(of_norm).filter_map(|(index, of)| Some((index?, of))) {
                    parameters.gradients[index] = gradient;
                }
                gradients = linear;
            }
            _ if self.relu => {
                let masked = gradients.iter().zip(&outputs).map(|(gradient, output)| mask(device, gradient, output));
                gradients = masked.collect::<Result<_>>()?;
            }
            _ => {}
        }
        self.weight_gradient(device, parameters, shards, &inputs, &gradients)?;
        let (shape, weight) = (self.convolution(), self.transposed(device, parameters)?);
        let below = inputs.iter().zip(&gradients).map(|(input, gradient)| {
            let mut below = allocate(device, device.map_length(input))?;
            device.convolution_input_gradient(&shape, &weight, gradient, false, &mut below)?;
            Ok(below)
        });
        below.collect()
    }

    /// Writes the gradients of weight and bias: sums over the shards.
    fn weight_gradient<D: Backend>(
        &self,
        device: &D,
        parameters: &mut Parameters<D>,
        shards: &ShardNorms,
        inputs: &[D::Map],
        gradients: &[D::Map],
    ) -> Result<()> {
        let (mut sum, mut maps) = (TreeSum::default(), inputs.iter().zip(gradients));
        for is_present in shards.block() {
            let mut leaf = None;
            if let Some((input, gradient)) = is_present.then(|| maps.next()).flatten() {
                let (mut weight, mut bias) =
                    (device.allocate(self.inputs * self.outputs)?, device.allocate(self.outputs)?);
                let into_bias = self.bias.map(|_| &mut bias);
                device.convolution_weight_gradient(&self.convolution(), input, gradient, &mut weight, into_bias)?;
                leaf = Some([weight, bias]);
            }
            sum.push(leaf, |left: &mut [D::Buffer; 2], right| {
                left.iter_mut().zip(&right).try_for_each(|(left, right)| device.add(right, left))
            })?;
        }
        let Some([weight, bias]) = sum.finish() else { return Ok(()) };
        let weight = transpose(&device.download(&weight)?, self.inputs, self.outputs);
        parameters.gradients[self.weight] = device.upload(weight)?;
        if let Some(index) = self.bias {
            parameters.gradients[index] = bias;
        }
        Ok(())
    }

    fn convolution(&self) -> Convolution {
        Convolution { inputs: self.inputs, outputs: self.outputs, kernel: 1, stride: 1, padding: 0, side: 1 }
    }

    /// Returns the weight in the layout of convolutions, `[inputs, outputs]`.
    fn transposed<D: Backend>(&self, device: &D, parameters: &Parameters<D>) -> Result<D::Buffer> {
        let weight = device.download(&parameters.values[self.weight])?;
        device.upload(transpose(&weight, self.outputs, self.inputs))
    }

    /// Returns the shift of the batch norm, 0 if it has none.
    fn shift<D: Backend>(&self, indices: &NormIndices, device: &D, parameters: &Parameters<D>) -> Result<D::Buffer> {
        match indices.shift {
            Some(shift) => device.upload(device.download(&parameters.values[shift])?),
            None => device.allocate(self.outputs),
        }
    }
}

fn allocate<D: Backend>(device: &D, length: usize) -> Result<D::Map> {
    device.allocate_map(length, Precision::F32)
}

fn upload<D: Backend>(device: &D, values: Vec<f32>) -> Result<D::Map> {
    device.upload_map(values, Precision::F32)
}

fn copies<D: Backend>(device: &D, maps: &[D::Map]) -> Result<Vec<D::Map>> {
    maps.iter().map(|map| upload(device, device.download_map(map)?)).collect()
}

/// Returns the map with negative values set to 0.
fn relu<D: Backend>(device: &D, map: &D::Map) -> Result<D::Map> {
    let mut values = device.download_map(map)?;
    values.iter_mut().for_each(|value| *value = if *value < 0.0 { 0.0 } else { *value });
    upload(device, values)
}

/// Returns the gradient, 0 where the output of the ReLU is.
fn mask<D: Backend>(device: &D, gradient: &D::Map, output: &D::Map) -> Result<D::Map> {
    let (mut values, output) = (device.download_map(gradient)?, device.download_map(output)?);
    values.iter_mut().zip(&output).for_each(|(value, output)| *value = if *output <= 0.0 { 0.0 } else { *value });
    upload(device, values)
}

/// Returns the transpose of a row-major matrix, `[rows, columns]`.
fn transpose(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}
