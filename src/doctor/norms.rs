//! Batch norm, alone and followed by the residual sum and ReLU.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::Result;
use crate::nn::{Normalization, Precision, ReluOutput, RunningUpdate, oracle};
use crate::train::Compute;
use dfdx::prelude::*;

const PIXELS: usize = 1568;
const CHANNELS: usize = 64;
const EPSILON: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;
/// Minimum distance of the ReLU's inputs from 0, where its slope jumps.
const MARGIN: f32 = 0.3;

pub(super) fn operations<D: Compute>() -> Vec<Operation<D>> {
    vec![
        Operation::new("batch norm", |device: &D, precision| compare(device, Then::Nothing, precision)),
        Operation::new("batch norm + ReLU", |device: &D, precision| compare(device, Then::Relu, precision)),
        Operation::new("batch norm + residual + ReLU", |device: &D, precision| {
            compare(device, Then::ResidualAndRelu, precision)
        }),
    ]
}

/// What follows the batch norm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Nothing,
    Relu,
    ResidualAndRelu,
}

fn compare<D: Compute>(device: &D, then: Then, precision: Precision) -> Result<Vec<Comparison>> {
    let (relu, with_residual) = (then != Then::Nothing, then == Then::ResidualAndRelu);
    let input = device.upload_map(inputs(then), precision)?;
    let cotangent = device.upload_map(numbers("cotangent", PIXELS * CHANNELS), precision)?;
    let mut host = BatchNormInputs {
        input: device.download_map(&input)?,
        cotangent: device.download_map(&cotangent)?,
        scale: numbers("scale", CHANNELS).into_iter().map(|x| x + 1.5).collect(),
        shift: shifts(then),
        residual: None,
    };
    let residual =
        with_residual.then(|| device.upload_map(residual(&host.expected(false).output), precision)).transpose()?;
    host.residual = residual.as_ref().map(|residual| device.download_map(residual)).transpose()?;
    let expected = host.expected(relu);

    let (scale, shift) = (device.upload(host.scale.clone())?, device.upload(host.shift.clone())?);
    let (mut mean, mut inv_std) = (device.allocate(CHANNELS)?, device.allocate(CHANNELS)?);
    let (mut running_mean, mut running_variance) = (device.allocate(CHANNELS)?, device.allocate(CHANNELS)?);
    let running = RunningUpdate { mean: &mut running_mean, variance: &mut running_variance, momentum: MOMENTUM };
    device.batch_moments(1, EPSILON, &input, &mut mean, &mut inv_std, Some(running))?;
    let norm = Normalization { mean: &mean, inv_std: &inv_std, scale: &scale, shift: &shift };
    let mut output = device.allocate_map(PIXELS * CHANNELS, precision)?;
    device.normalize(&norm, &input, residual.as_ref(), relu, &mut output)?;
    let (mut scale_gradient, mut shift_gradient) = (device.allocate(CHANNELS)?, device.allocate(CHANNELS)?);
    let (mut gradient, mut input_gradient) = (cotangent, input);
    let relu_output = match then {
        Then::Nothing => ReluOutput::None,
        Then::Relu => ReluOutput::AfterNorm(&output),
        Then::ResidualAndRelu => ReluOutput::AfterSum(&output),
    };
    device.normalize_gradient(
        &norm,
        relu_output,
        &mut gradient,
        &mut input_gradient,
        &mut scale_gradient,
        &mut shift_gradient,
    )?;
    let (running_mean, running_variance) = (device.download(&running_mean)?, device.download(&running_variance)?);
    let mut comparisons = vec![
        Comparison::new("forward", device.download_map(&output)?, expected.output),
        Comparison::new("forward", running_mean, expected.running_mean),
        Comparison::new("forward", running_variance, expected.running_variance),
        Comparison::new("backward", device.download_map(&input_gradient)?, expected.input_gradient),
        Comparison::new("backward", device.download(&scale_gradient)?, expected.scale_gradient),
        Comparison::new("backward", device.download(&shift_gradient)?, expected.shift_gradient),
    ];
    if with_residual {
        comparisons.push(Comparison::new("backward", device.download_map(&gradient)?, expected.residual_gradient));
    }
    Ok(comparisons)
}

/// Returns random inputs. Before a ReLU they are at least 0.5 away from their mean, 0, so that no normalized value is
/// near 0, where the slope jumps.
fn inputs(then: Then) -> Vec<f32> {
    let numbers = numbers("input", PIXELS * CHANNELS);
    if then == Then::Relu { numbers.into_iter().map(|x| x + 0.5f32.copysign(x)).collect() } else { numbers }
}

/// Returns random shifts; before a ReLU they are small beside the normalized values.
fn shifts(then: Then) -> Vec<f32> {
    let numbers = numbers("shift", CHANNELS);
    if then == Then::Relu { numbers.into_iter().map(|x| x / 8.0).collect() } else { numbers }
}

/// Returns random numbers whose sums with the normalized values are at least [`MARGIN`] away from 0.
fn residual(normalized: &[f32]) -> Vec<f32> {
    let noise = numbers("residual", normalized.len());
    let push = |(x, noise): (&f32, f32)| if (x + noise).abs() < MARGIN { noise.signum() - x } else { noise };
    normalized.iter().zip(noise).map(push).collect()
}

/// The inputs of batch norm, on the host.
struct BatchNormInputs {
    input: Vec<f32>,
    cotangent: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    /// Added to the normalized values, if present.
    residual: Option<Vec<f32>>,
}

/// The results of the oracle.
struct BatchNormExpected {
    output: Vec<f32>,
    running_mean: Vec<f32>,
    running_variance: Vec<f32>,
    input_gradient: Vec<f32>,
    scale_gradient: Vec<f32>,
    shift_gradient: Vec<f32>,
    residual_gradient: Vec<f32>,
}

impl BatchNormInputs {
    fn expected(&self, relu: bool) -> BatchNormExpected {
        let (host, shape) = (Cpu::default(), (PIXELS, CHANNELS));
        let input = host.tensor_from_vec(self.input.clone(), shape);
        let scale = host.tensor_from_vec(self.scale.clone(), (CHANNELS,));
        let shift = host.tensor_from_vec(self.shift.clone(), (CHANNELS,));
        let residual =
            host.tensor_from_vec(self.residual.clone().unwrap_or_else(|| vec![0.0; PIXELS * CHANNELS]), shape);
        let mut output = oracle::batch_norm(input.leaky_trace(), &scale, &shift, EPSILON) + residual.leaky_trace();
        if relu {
            output = output.relu();
        }
        let values = output.as_vec();
        let cotangent = host.tensor_from_vec(self.cotangent.clone(), shape);
        let gradients = (output * cotangent).sum().backward();
        let (running_mean, running_variance) = self.running();
        BatchNormExpected {
            output: values,
            running_mean,
            running_variance,
            input_gradient: gradients.get(&input).as_vec(),
            scale_gradient: gradients.get(&scale).as_vec(),
            shift_gradient: gradients.get(&shift).as_vec(),
            residual_gradient: gradients.get(&residual).as_vec(),
        }
    }

    /// Returns the running mean and variance after one batch, starting from 0.
    fn running(&self) -> (Vec<f32>, Vec<f32>) {
        let column = |channel: usize| self.input.iter().skip(channel).step_by(CHANNELS).map(|x| f64::from(*x));
        let mean = |channel| column(channel).sum::<f64>() / PIXELS as f64;
        let momentum = f64::from(MOMENTUM);
        let means = (0..CHANNELS).map(|channel| (momentum * mean(channel)) as f32);
        let variances = (0..CHANNELS).map(|channel| {
            let mean = mean(channel);
            let squares = column(channel).map(|x| (x - mean).powi(2)).sum::<f64>();
            (momentum * squares / (PIXELS - 1) as f64) as f32
        });
        (means.collect(), variances.collect())
    }
}
