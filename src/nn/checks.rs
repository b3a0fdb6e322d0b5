//! Tests of the CPU kernels: against the oracle, by finite differences, and for different numbers of threads.

use crate::base::rng::{self, stream};
use crate::nn::{Backend, Convolution, CpuMap, MaxPool, Normalization, Precision, ReluOutput, RunningUpdate, oracle};
use dfdx::prelude::*;

const EPSILON: f32 = 1e-5;

fn uniform(name: &str, length: usize) -> Vec<f32> {
    let mut rng = stream(7, name, &[]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}

fn map(values: &[f32]) -> CpuMap {
    CpuMap::F32(values.to_vec())
}

/// A map for an operation to overwrite.
fn unset(length: usize) -> CpuMap {
    CpuMap::F32(vec![f32::NAN; length])
}

fn values(map: &CpuMap) -> Vec<f32> {
    Cpu::default().download_map(map).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
}

/// Compares within 1e-5 of the largest expected value.
fn assert_close(what: &str, ours: &[f32], expected: &[f32]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        assert!((ours - expected).abs() <= 1e-5 * largest, "{what}[{i}]: {ours} instead of {expected}");
    }
}

/// Checks a gradient against central differences of `loss` at about 40 entries of the argument.
fn assert_gradient(what: &str, at: &[f32], gradient: &[f32], step: f32, loss: impl Fn(&[f32]) -> f64) {
    let largest = gradient.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    for i in (0..at.len()).step_by((at.len() / 40).max(1)) {
        let moved = |by: f32| {
            let mut at = at.to_vec();
            at[i] += by;
            (loss(&at), at[i])
        };
        let ((above, high), (below, low)) = (moved(step), moved(-step));
        let difference = (above - below) / f64::from(high - low);
        let error = (difference - f64::from(gradient[i])).abs();
        assert!(error < 2e-3 * f64::from(largest), "{what}[{i}]: {} instead of {difference}", gradient[i]);
    }
}

/// Kernel sizes 1, 3 and 7, strides 1 to 3, several paddings, channels that are and are not multiples of a vector, and
/// more pixels than a block.
fn shapes() -> Vec<(Convolution, usize)> {
    let shape =
        |inputs, outputs, kernel, stride, padding, side| Convolution { inputs, outputs, kernel, stride, padding, side };
    vec![
        (shape(5, 7, 1, 1, 0, 6), 3),
        (shape(8, 16, 1, 2, 0, 7), 3),
        (shape(5, 7, 3, 1, 1, 6), 3),
        (shape(16, 32, 3, 1, 1, 9), 5),
        (shape(24, 40, 3, 2, 1, 9), 5),
        (shape(6, 16, 3, 2, 1, 8), 2),
        (shape(3, 16, 7, 2, 3, 11), 2),
        (shape(4, 6, 3, 1, 0, 5), 2),
        (shape(4, 6, 3, 3, 2, 7), 2),
        (shape(16, 16, 3, 1, 1, 1), 4),
        (shape(16, 48, 3, 1, 1, 2), 9),
        (shape(18, 21, 3, 1, 1, 6), 11), // Winograd, as for all with 16 channels or more; here with a remainder
        (shape(32, 19, 3, 1, 0, 8), 14),
        (shape(16, 16, 3, 1, 2, 5), 2),
        (shape(17, 16, 3, 1, 1, 26), 2),
        (shape(16, 48, 3, 1, 1, 4), 9), // tiles of 4x4 outputs, as for all sides that they cover better
        (shape(19, 34, 3, 1, 1, 8), 3),
        (shape(128, 64, 3, 1, 1, 7), 3),
    ]
}

/// A convolution with its arguments and the gradient of its output.
struct ConvolutionCase {
    shape: Convolution,
    input: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    cotangent: Vec<f32>,
}

impl ConvolutionCase {
    fn new(shape: Convolution, rows: usize) -> Self {
        Self {
            shape,
            input: uniform("input", rows * shape.input_len()),
            weights: uniform("weights", shape.weights()),
            bias: uniform("bias", shape.outputs),
            cotangent: uniform("cotangent", rows * shape.output_len()),
        }
    }

    fn output(&self, input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let mut output = unset(self.cotangent.len());
        let (input, weights, bias) = (&map(input), &weights.to_vec(), bias.to_vec());
        Cpu::default().convolution(&self.shape, input, weights, Some(&bias), &mut output).unwrap();
        values(&output)
    }

    /// Gradients of input, weights and bias.
    fn gradients(&self) -> [Vec<f32>; 3] {
        let (device, shape, cotangent) = (Cpu::default(), &self.shape, map(&self.cotangent));
        let mut input = unset(self.input.len());
        device.convolution_input_gradient(shape, &self.weights, &cotangent, false, &mut input).unwrap();
        let (mut weights, mut bias) = (vec![f32::NAN; self.weights.len()], vec![f32::NAN; self.bias.len()]);
        let into = (&mut weights, Some(&mut bias));
        device.convolution_weight_gradient(shape, &map(&self.input), &cotangent, into.0, into.1).unwrap();
        [values(&input), weights, bias]
    }
}

#[test]
fn convolutions_match_the_oracle() {
    let device = Cpu::default();
    for (shape, rows) in shapes() {
        let case = ConvolutionCase::new(shape, rows);
        let pixels = rows * shape.side * shape.side;
        let input = device.tensor_from_vec(case.input.clone(), (pixels, shape.inputs));
        let weights = device.tensor_from_vec(case.weights.clone(), (shape.window(), shape.outputs));
        let bias = device.tensor_from_vec(case.bias.clone(), (shape.outputs,));
        let output = oracle::convolution(&shape, input.leaky_trace(), &weights, Some(&bias));
        let what = format!("{shape:?}");
        assert_close(&what, &case.output(&case.input, &case.weights, &case.bias), &output.as_vec());
        let cotangent = device.tensor_from_vec(case.cotangent.clone(), *output.shape());
        let gradients = (output * cotangent).sum().backward();
        let [input_gradient, weight_gradient, bias_gradient] = case.gradients();
        assert_close(&what, &input_gradient, &gradients.get(&input).as_vec());
        assert_close(&what, &weight_gradient, &gradients.get(&weights).as_vec());
        assert_close(&what, &bias_gradient, &gradients.get(&bias).as_vec());
    }
}

#[test]
fn convolution_gradients_match_finite_differences() {
    for (shape, rows) in shapes() {
        let case = ConvolutionCase::new(shape, rows);
        let [input, weights, bias] = case.gradients();
        let what = format!("{shape:?}");
        let loss =
            |input: &[f32], weights: &[f32], bias: &[f32]| dot(&case.output(input, weights, bias), &case.cotangent);
        // The loss is linear in each argument, so a large step is exact.
        assert_gradient(&what, &case.input, &input, 0.5, |input| loss(input, &case.weights, &case.bias));
        assert_gradient(&what, &case.weights, &weights, 0.5, |weights| loss(&case.input, weights, &case.bias));
        assert_gradient(&what, &case.bias, &bias, 0.5, |bias| loss(&case.input, &case.weights, bias));
    }
}

#[test]
fn input_gradients_accumulate() {
    for (shape, rows) in shapes() {
        let case = ConvolutionCase::new(shape, rows);
        let [written, ..] = case.gradients();
        let before = uniform("before", written.len());
        let (mut added, cotangent) = (map(&before), map(&case.cotangent));
        Cpu::default().convolution_input_gradient(&shape, &case.weights, &cotangent, true, &mut added).unwrap();
        let sum: Vec<f32> = written.iter().zip(&before).map(|(a, b)| a + b).collect();
        assert_close(&format!("{shape:?}"), &values(&added), &sum);
    }
}

/// A batch norm with its arguments.
struct NormCase {
    input: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
    residual: Vec<f32>,
    cotangent: Vec<f32>,
    relu: bool,
}

impl NormCase {
    /// With `relu`, the residual keeps every sum away from 0, where the derivative jumps.
    fn new(pixels: usize, channels: usize, relu: bool) -> Self {
        let mut scale = uniform("scale", channels);
        scale.iter_mut().for_each(|scale| *scale += 1.5);
        let mut norm = Self {
            // A mean far from 0 and a small standard deviation, for which E[x^2] - E[x]^2 loses its digits.
            input: uniform("input", pixels * channels).into_iter().map(|x| 20.0 + 2.0 * x).collect(),
            scale,
            shift: uniform("shift", channels),
            residual: vec![0.0; pixels * channels],
            cotangent: uniform("cotangent", pixels * channels),
            relu: false,
        };
        let plain = norm.output(&norm.input, &norm.scale, &norm.shift, &norm.residual);
        let noise = uniform("residual", pixels * channels);
        let push = |plain: f32, noise: f32| if (plain + noise).abs() < 0.3 { noise.signum() - plain } else { noise };
        norm.residual = plain.iter().zip(&noise).map(|(plain, noise)| push(*plain, *noise)).collect();
        norm.relu = relu;
        norm
    }

    fn moments(&self, input: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (mut mean, mut inv_std) = (vec![f32::NAN; self.scale.len()], vec![f32::NAN; self.scale.len()]);
        Cpu::default().batch_moments(1, EPSILON, &map(input), &mut mean, &mut inv_std, None).unwrap();
        (mean, inv_std)
    }

    fn output(&self, input: &[f32], scale: &[f32], shift: &[f32], residual: &[f32]) -> Vec<f32> {
        let (mean, inv_std) = self.moments(input);
        let (scale, shift) = (&scale.to_vec(), &shift.to_vec());
        let norm = Normalization { mean: &mean, inv_std: &inv_std, scale, shift };
        let mut output = unset(input.len());
        let residual = map(residual);
        Cpu::default().normalize(&norm, &map(input), Some(&residual), self.relu, &mut output).unwrap();
        values(&output)
    }

    fn loss(&self, input: &[f32], scale: &[f32], shift: &[f32], residual: &[f32]) -> f64 {
        dot(&self.output(input, scale, shift, residual), &self.cotangent)
    }

    /// Gradients of input, scale, shift and residual.
    fn gradients(&self) -> [Vec<f32>; 4] {
        let (mean, inv_std) = self.moments(&self.input);
        let norm = Normalization { mean: &mean, inv_std: &inv_std, scale: &self.scale, shift: &self.shift };
        let output = map(&self.output(&self.input, &self.scale, &self.shift, &self.residual));
        let (mut input, mut gradient) = (map(&self.input), map(&self.cotangent));
        let (mut scale, mut shift) = (vec![f32::NAN; mean.len()], vec![f32::NAN; mean.len()]);
        let output = if self.relu { ReluOutput::AfterSum(&output) } else { ReluOutput::None };
        let device = Cpu::default();
        device.normalize_gradient(&norm, output, &mut gradient, &mut input, &mut scale, &mut shift).unwrap();
        [values(&input), scale, shift, values(&gradient)]
    }
}

#[test]
fn batch_norm_gradients_match_finite_differences() {
    for (pixels, channels) in [(11, 3), (2000, 7), (300, 64)] {
        for relu in [false, true] {
            let norm = NormCase::new(pixels, channels, relu);
            let [input, scale, shift, residual] = norm.gradients();
            let what = format!("{pixels} pixels, {channels} channels, relu {relu}");
            let NormCase { input: x, scale: a, shift: b, residual: r, .. } = &norm;
            assert_gradient(&format!("input, {what}"), x, &input, 0.05, |x| norm.loss(x, a, b, r));
            assert_gradient(&format!("scale, {what}"), a, &scale, 0.05, |a| norm.loss(x, a, b, r));
            assert_gradient(&format!("shift, {what}"), b, &shift, 0.05, |b| norm.loss(x, a, b, r));
            assert_gradient(&format!("residual, {what}"), r, &residual, 0.05, |r| norm.loss(x, a, b, r));
        }
    }
}

#[test]
fn batch_norm_matches_the_oracle() {
    let device = Cpu::default();
    let (pixels, channels) = (200, 17);
    // With a mean near 0: the oracle computes mean and variance in plain f32.
    let mut norm = NormCase::new(pixels, channels, true);
    norm.input = uniform("input", pixels * channels);
    let input = device.tensor_from_vec(norm.input.clone(), (pixels, channels));
    let scale = device.tensor_from_vec(norm.scale.clone(), (channels,));
    let shift = device.tensor_from_vec(norm.shift.clone(), (channels,));
    let residual = device.tensor_from_vec(norm.residual.clone(), (pixels, channels));
    let normalized = oracle::batch_norm(input.leaky_trace(), &scale, &shift, EPSILON);
    let output = (normalized + residual.leaky_trace()).relu();
    let ours = norm.output(&norm.input, &norm.scale, &norm.shift, &norm.residual);
    assert_close("output", &ours, &output.as_vec());
    let cotangent = device.tensor_from_vec(norm.cotangent.clone(), (pixels, channels));
    let gradients = (output * cotangent).sum().backward();
    let ours = norm.gradients();
    assert_close("input", &ours[0], &gradients.get(&input).as_vec());
    assert_close("scale", &ours[1], &gradients.get(&scale).as_vec());
    assert_close("shift", &ours[2], &gradients.get(&shift).as_vec());
    assert_close("residual", &ours[3], &gradients.get(&residual).as_vec());
}

/// Returns moments, running statistics, output and gradients (input, residual, scale, shift) of a batch norm.
fn normalized_by(
    groups: usize,
    norm: &NormCase,
    rows: std::ops::Range<usize>,
    running: [Vec<f32>; 2],
) -> [Vec<f32>; 9] {
    let (device, channels) = (Cpu::default(), norm.scale.len());
    let part = |values: &[f32]| map(&values[rows.start * channels..rows.end * channels]);
    let (mut input, residual, mut gradient) = (part(&norm.input), part(&norm.residual), part(&norm.cotangent));
    let [mut mean, mut inv_std] = [(); 2].map(|()| vec![f32::NAN; groups * channels]);
    let [mut running_mean, mut running_variance] = running;
    let update = RunningUpdate { mean: &mut running_mean, variance: &mut running_variance, momentum: 0.3 };
    device.batch_moments(groups, EPSILON, &input, &mut mean, &mut inv_std, Some(update)).unwrap();
    let moments = Normalization { mean: &mean, inv_std: &inv_std, scale: &norm.scale, shift: &norm.shift };
    let mut output = unset(rows.len() * channels);
    device.normalize(&moments, &input, Some(&residual), true, &mut output).unwrap();
    let [mut scale, mut shift] = [(); 2].map(|()| vec![f32::NAN; channels]);
    device
        .normalize_gradient(&moments, ReluOutput::AfterSum(&output), &mut gradient, &mut input, &mut scale, &mut shift)
        .unwrap();
    let maps = [&output, &input, &gradient].map(values);
    let [output, input, gradient] = maps;
    [mean, inv_std, running_mean, running_variance, output, input, gradient, scale, shift]
}

#[test]
fn groups_are_normalized_as_separate_batches() {
    for (pixels, channels) in [(6, 3), (2000, 7), (300, 64)] {
        let norm = NormCase::new(pixels, channels, true);
        let start = [vec![0.5; channels], vec![2.0; channels]];
        let together = normalized_by(2, &norm, 0..pixels, start.clone());
        let first = normalized_by(1, &norm, 0..pixels / 2, start);
        let second = normalized_by(1, &norm, pixels / 2..pixels, [first[2].clone(), first[3].clone()]);
        for index in [0, 1, 4, 5, 6] {
            assert_eq!(together[index], [&first[index][..], &second[index]].concat(), "{pixels} {channels} {index}");
        }
        assert_eq!(together[2..4], second[2..4], "each group updates the running statistics in turn");
        for index in [7, 8] {
            let sum: Vec<f32> = first[index].iter().zip(&second[index]).map(|(a, b)| a + b).collect();
            assert_eq!(together[index], sum);
        }
    }
}

#[test]
fn nan_propagates() {
    let device = Cpu::default();
    for precision in [Precision::F32, Precision::Bf16] {
        let map = |values: &[f32]| device.upload_map(values.to_vec(), precision).unwrap();
        let (zero, one, mut output) = (vec![0.0], vec![1.0], map(&[0.0; 3]));
        let norm = Normalization { mean: &zero, inv_std: &one, scale: &one, shift: &zero };
        device.normalize(&norm, &map(&[1.0, f32::NAN, 2.0]), None, true, &mut output).unwrap();
        assert!(values(&output)[1].is_nan());
        let shape = MaxPool { channels: 1, kernel: 2, stride: 2, padding: 0, side: 2 };
        let mut pooled = map(&[0.0]);
        device.max_pool(&shape, &map(&[1.0, f32::NAN, 3.0, 4.0]), &mut pooled).unwrap();
        assert!(values(&pooled)[0].is_nan());
    }
}

/// Values at least 0.01 apart, so that steps of 0.002 do not change a maximum.
fn distinct(length: usize) -> Vec<f32> {
    let order = rng::permutation(length, &mut stream(7, "distinct", &[]));
    order.into_iter().map(|index| 0.01 * (index as f32 - length as f32 / 2.0)).collect()
}

#[test]
fn max_pooling_matches_the_oracle_and_finite_differences() {
    let device = Cpu::default();
    for (kernel, stride, padding, side) in [(3, 2, 1, 7), (3, 2, 1, 8), (2, 2, 0, 6), (3, 1, 1, 4), (3, 2, 1, 1)] {
        let shape = MaxPool { channels: 5, kernel, stride, padding, side };
        let (rows, what) = (3, format!("{shape:?}"));
        let input = distinct(rows * side * side * 5);
        let pool = |input: &[f32]| {
            let mut output = unset(rows * shape.output_len());
            device.max_pool(&shape, &map(input), &mut output).unwrap();
            values(&output)
        };
        let output = pool(&input);
        let cotangent = uniform("cotangent", output.len());
        let mut gradient = unset(input.len());
        device.max_pool_gradient(&shape, &map(&input), &map(&output), &map(&cotangent), &mut gradient).unwrap();
        let gradient = values(&gradient);
        assert_gradient(&what, &input, &gradient, 0.002, |input| dot(&pool(input), &cotangent));
        let tensor = device.tensor_from_vec(input.clone(), (rows * side * side, 5));
        let expected = oracle::max_pool(&shape, tensor.leaky_trace());
        assert_close(&what, &output, &expected.as_vec());
        let cotangent = device.tensor_from_vec(cotangent, *expected.shape());
        let gradients = (expected * cotangent).sum().backward();
        assert_close(&what, &gradient, &gradients.get(&tensor).as_vec());
    }
}

#[test]
fn average_pooling_matches_the_oracle_and_finite_differences() {
    let device = Cpu::default();
    let (rows, pixels, channels) = (3, 16, 5);
    let input = uniform("input", rows * pixels * channels);
    let pool = |input: &[f32]| {
        let mut output = vec![f32::NAN; rows * channels];
        device.average_pool(channels, &map(input), rows, &mut output).unwrap();
        output
    };
    let cotangent = uniform("cotangent", rows * channels);
    let mut gradient = unset(input.len());
    device.average_pool_gradient(channels, &cotangent, rows, &mut gradient).unwrap();
    let gradient = values(&gradient);
    assert_gradient("average", &input, &gradient, 0.5, |input| dot(&pool(input), &cotangent));
    let tensor = device.tensor_from_vec(input.clone(), (rows * pixels, channels));
    let expected = oracle::average_pool(tensor.leaky_trace(), rows);
    assert_close("average", &pool(&input), &expected.as_vec());
    let cotangent = device.tensor_from_vec(cotangent, *expected.shape());
    let gradients = (expected * cotangent).sum().backward();
    assert_close("average", &gradient, &gradients.get(&tensor).as_vec());
}

#[test]
fn results_have_the_same_bits_for_any_number_of_threads() {
    let all = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let results = shapes().into_iter().map(|(shape, rows)| {
                let case = ConvolutionCase::new(shape, 8 * rows);
                (case.output(&case.input, &case.weights, &case.bias), case.gradients())
            });
            (results.collect::<Vec<_>>(), NormCase::new(5000, 24, true).gradients())
        })
    };
    let one = all(1);
    assert!(one == all(2));
    assert!(one == all(3));
}
