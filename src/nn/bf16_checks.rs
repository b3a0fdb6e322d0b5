//! Tests of the kernels on bfloat16 maps: what the 32-bit kernels give for the same numbers, rounded once.

use crate::base::rng::{self, stream};
use crate::nn::{Backend, Convolution, CpuMap, MaxPool, Normalization, Precision};
use dfdx::prelude::*;

/// Half the distance of two bfloat16 numbers, relative to the smaller.
const ROUNDING: f32 = 1.0 / 256.0;

fn numbers(name: &str, length: usize) -> Vec<f32> {
    let mut rng = stream(9, name, &[]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}

/// The same bfloat16 numbers as a map of either precision.
fn maps(name: &str, length: usize) -> [CpuMap; 2] {
    let device = Cpu::default();
    let half = device.upload_map(numbers(name, length), Precision::Bf16).unwrap();
    [CpuMap::Single(device.download_map(&half).unwrap()), half]
}

fn empty(length: usize) -> [CpuMap; 2] {
    [Precision::F32, Precision::Bf16].map(|precision| Cpu::default().allocate_map(length, precision).unwrap())
}

/// Each number is off by a rounding of itself and, where sums took another order, by little of the largest.
fn assert_rounded(what: &str, single: &[f32], half: &[f32]) {
    let largest = single.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.0, "{what}");
    for (i, (single, half)) in single.iter().zip(half).enumerate() {
        let error = (single - half).abs();
        assert!(error <= ROUNDING * single.abs() + 1e-5 * largest, "{what}[{i}]: {half} instead of {single}");
    }
}

fn assert_maps_rounded(what: &str, [single, half]: &[CpuMap; 2]) {
    let device = Cpu::default();
    assert!(matches!(half, CpuMap::Half(_)));
    assert_rounded(what, &device.download_map(single).unwrap(), &device.download_map(half).unwrap());
}

/// Weights that are bfloat16 numbers already.
fn weights(length: usize) -> Vec<f32> {
    let [single, _] = maps("weights", length);
    Cpu::default().download_map(&single).unwrap()
}

#[test]
fn convolutions() {
    let device = Cpu::default();
    let shape =
        |inputs, outputs, kernel, stride, padding, side| Convolution { inputs, outputs, kernel, stride, padding, side };
    let shapes = [
        (shape(5, 7, 1, 1, 0, 6), 3),
        (shape(24, 40, 3, 2, 1, 9), 5),
        (shape(3, 16, 7, 2, 3, 11), 2),
        (shape(18, 21, 3, 1, 1, 6), 11), // by Winograd's method, here with a ragged end
        (shape(16, 32, 3, 1, 1, 8), 5),
    ];
    for (shape, rows) in shapes {
        let what = format!("{shape:?}");
        let (weights, bias) = (weights(shape.weights()), numbers("bias", shape.outputs));
        let inputs = maps("input", rows * shape.input_len());
        let cotangents = maps("cotangent", rows * shape.output_len());
        let mut outputs = empty(rows * shape.output_len());
        let mut gradients = maps("before", rows * shape.input_len());
        let mut weight_gradients = [vec![0.0; weights.len()], vec![0.0; weights.len()]];
        let mut bias_gradients = [vec![0.0; bias.len()], vec![0.0; bias.len()]];
        for i in 0..2 {
            // Without the bias, which is added to what is rounded already.
            device.convolution(&shape, &inputs[i], &weights, None, &mut outputs[i]).unwrap();
            device.convolution_input_gradient(&shape, &weights, &cotangents[i], true, &mut gradients[i]).unwrap();
            let (weights, bias) = (&mut weight_gradients[i], &mut bias_gradients[i]);
            device.convolution_weight_gradient(&shape, &inputs[i], &cotangents[i], weights, Some(bias)).unwrap();
        }
        assert_maps_rounded(&format!("output, {what}"), &outputs);
        assert_maps_rounded(&format!("input, {what}"), &gradients);
        assert_rounded(&format!("weights, {what}"), &weight_gradients[0], &weight_gradients[1]);
        assert_rounded(&format!("bias, {what}"), &bias_gradients[0], &bias_gradients[1]);
    }
}

#[test]
fn weights_enter_as_bfloat16() {
    let device = Cpu::default();
    let shape = Convolution { inputs: 1, outputs: 1, kernel: 1, stride: 1, padding: 0, side: 1 };
    let [_, input] = [(); 2].map(|()| device.upload_map(vec![1.0], Precision::Bf16).unwrap());
    let [_, mut output] = empty(1);
    // 1 + 2^-8 lies between two bfloat16 numbers; the even one is 1.
    device.convolution(&shape, &input, &vec![1.0 + 1.0 / 256.0], None, &mut output).unwrap();
    assert_eq!(device.download_map(&output).unwrap(), [1.0]);
}

#[test]
fn batch_norm() {
    let device = Cpu::default();
    for (pixels, channels) in [(11, 3), (2000, 7), (300, 64)] {
        let length = pixels * channels;
        let [scale, shift] = ["scale", "shift"].map(|name| numbers(name, channels));
        let (inputs, residuals, cotangents) = (maps("input", length), maps("residual", length), maps("up", length));
        let (mut outputs, mut moments) = (empty(length), [(); 2].map(|()| [vec![0.0; channels], vec![0.0; channels]]));
        for i in 0..2 {
            let [mean, inverse] = &mut moments[i];
            device.batch_moments(1, 1e-5, &inputs[i], mean, inverse, None).unwrap();
            let norm = Normalization { mean, inverse_deviation: inverse, scale: &scale, shift: &shift };
            device.normalize(&norm, &inputs[i], Some(&residuals[i]), true, &mut outputs[i]).unwrap();
        }
        let what = format!("{pixels} pixels, {channels} channels");
        assert_eq!(moments[0], moments[1], "{what}: moments are of the stored numbers");
        assert_maps_rounded(&format!("output, {what}"), &outputs);
        let (mut gradients, mut inputs) = (cotangents, inputs);
        let mut parameters = [(); 2].map(|()| [vec![0.0; channels], vec![0.0; channels]]);
        for i in 0..2 {
            let [mean, inverse] = &moments[i];
            let norm = Normalization { mean, inverse_deviation: inverse, scale: &scale, shift: &shift };
            let [of_scale, of_shift] = &mut parameters[i];
            let output = Some(&outputs[i]);
            device.normalize_gradient(&norm, output, &mut gradients[i], &mut inputs[i], of_scale, of_shift).unwrap();
        }
        assert_maps_rounded(&format!("gradient, {what}"), &gradients);
        assert_maps_rounded(&format!("input, {what}"), &inputs);
        assert_rounded(&format!("scale, {what}"), &parameters[0][0], &parameters[1][0]);
        assert_rounded(&format!("shift, {what}"), &parameters[0][1], &parameters[1][1]);
    }
}

#[test]
fn pools() {
    let device = Cpu::default();
    let (shape, rows) = (MaxPool { channels: 5, kernel: 3, stride: 2, padding: 1, side: 7 }, 3);
    let (input_len, output_len) = (rows * 7 * 7 * 5, rows * shape.output_len());
    let (inputs, cotangents) = (maps("input", input_len), maps("cotangent", output_len));
    let (mut outputs, mut gradients, mut averages) = (empty(output_len), empty(input_len), empty(input_len));
    let mut means = [vec![0.0; rows * 5], vec![0.0; rows * 5]];
    for i in 0..2 {
        device.max_pool(&shape, &inputs[i], &mut outputs[i]).unwrap();
        device.max_pool_gradient(&shape, &inputs[i], &outputs[i], &cotangents[i], &mut gradients[i]).unwrap();
        device.average_pool(5, &inputs[i], rows, &mut means[i]).unwrap();
        device.average_pool_gradient(5, &numbers("means", rows * 5), rows, &mut averages[i]).unwrap();
    }
    assert_maps_rounded("maximum", &outputs);
    assert_maps_rounded("gradient of the maximum", &gradients);
    assert_maps_rounded("gradient of the mean", &averages);
    assert_eq!(means[0], means[1], "features are 32-bit");
}

#[test]
fn maps_of_two_precisions_do_not_mix() {
    let device = Cpu::default();
    let shape = MaxPool { channels: 1, kernel: 2, stride: 2, padding: 0, side: 2 };
    let ([input, _], [_, mut output]) = (maps("input", 4), empty(1));
    assert!(device.max_pool(&shape, &input, &mut output).is_err());
}
