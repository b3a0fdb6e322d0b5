//! Convolutions of every kind used by the encoders.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::Result;
use crate::nn::{Convolution, Precision, oracle};
use crate::train::Compute;
use dfdx::prelude::*;

const ROWS: usize = 8;

pub(super) fn operations<D: Compute>() -> Vec<Operation<D>> {
    let shape =
        |inputs, outputs, kernel, stride, padding, side| Convolution { inputs, outputs, kernel, stride, padding, side };
    [
        ("convolution 1x1", shape(64, 128, 1, 1, 0, 14)),
        ("convolution 1x1, stride 2", shape(64, 128, 1, 2, 0, 15)),
        ("convolution 3x3", shape(64, 64, 3, 1, 1, 14)),
        ("convolution 3x3, stride 2", shape(64, 128, 3, 2, 1, 15)),
        ("convolution 3x3, 5 to 7 channels", shape(5, 7, 3, 1, 1, 9)),
        ("convolution 7x7, stride 2", shape(3, 64, 7, 2, 3, 40)),
    ]
    .into_iter()
    .map(|(name, shape)| Operation::new(name, move |device: &D, precision| compare(device, &shape, precision)))
    .collect()
}

fn compare<D: Compute>(device: &D, shape: &Convolution, precision: Precision) -> Result<Vec<Comparison>> {
    let (weights, bias) = (numbers("weights", shape.weights()), numbers("bias", shape.outputs));
    let input = device.upload_map(numbers("input", ROWS * shape.input_len()), precision)?;
    let cotangent = device.upload_map(numbers("cotangent", ROWS * shape.output_len()), precision)?;
    let before = device.upload_map(numbers("before", ROWS * shape.input_len()), precision)?;
    let host = ConvolutionInputs {
        shape,
        // Downloaded, so that the oracle sees the values as rounded to the map's precision.
        input: device.download_map(&input)?,
        cotangent: device.download_map(&cotangent)?,
        weights: &weights,
        bias: &bias,
    };
    let [expected_output, expected_input, expected_weights, expected_bias] = host.expected();
    let pairs = device.download_map(&before)?.into_iter().zip(&expected_input);
    let expected_sum: Vec<f32> = pairs.map(|(before, gradient)| before + gradient).collect();

    let (weights, bias) = (device.upload(weights.clone())?, device.upload(bias.clone())?);
    let mut output = device.allocate_map(ROWS * shape.output_len(), precision)?;
    device.convolution(shape, &input, &weights, Some(&bias), &mut output)?;
    let (mut written, mut added) = (device.allocate_map(ROWS * shape.input_len(), precision)?, before);
    device.convolution_input_gradient(shape, &weights, &cotangent, false, &mut written)?;
    device.convolution_input_gradient(shape, &weights, &cotangent, true, &mut added)?;
    let (mut weight_gradient, mut bias_gradient) = (device.allocate(shape.weights())?, device.allocate(shape.outputs)?);
    device.convolution_weight_gradient(shape, &input, &cotangent, &mut weight_gradient, Some(&mut bias_gradient))?;
    Ok(vec![
        Comparison::new("forward", device.download_map(&output)?, expected_output),
        Comparison::new("backward", device.download_map(&written)?, expected_input),
        Comparison::new("backward", device.download_map(&added)?, expected_sum),
        Comparison::new("backward", device.download(&weight_gradient)?, expected_weights),
        Comparison::new("backward", device.download(&bias_gradient)?, expected_bias),
    ])
}

/// The inputs of a convolution, on the host.
struct ConvolutionInputs<'a> {
    shape: &'a Convolution,
    input: Vec<f32>,
    cotangent: Vec<f32>,
    weights: &'a [f32],
    bias: &'a [f32],
}

impl ConvolutionInputs<'_> {
    /// Returns the oracle's output and its gradients with respect to input, weights and bias.
    fn expected(&self) -> [Vec<f32>; 4] {
        let (host, shape) = (Cpu::default(), self.shape);
        let input = host.tensor_from_vec(self.input.clone(), (ROWS * shape.side * shape.side, shape.inputs));
        let weights = host.tensor_from_vec(self.weights.to_vec(), (shape.window(), shape.outputs));
        let bias = host.tensor_from_vec(self.bias.to_vec(), (shape.outputs,));
        let output = oracle::convolution(shape, input.leaky_trace(), &weights, Some(&bias));
        let values = output.as_vec();
        let cotangent = host.tensor_from_vec(self.cotangent.clone(), *output.shape());
        let gradients = (output * cotangent).sum().backward();
        [values, gradients.get(&input).as_vec(), gradients.get(&weights).as_vec(), gradients.get(&bias).as_vec()]
    }
}
