//! Tests of the CPU kernels on bf16 maps, whose results must be those of the 32-bit kernels, rounded once.

use crate::base::rng::{self, stream};
use crate::nn::{Backend, Convolution, CpuMap, MaxPool, Normalization, Precision, ReluOutput};
use dfdx::prelude::*;

/// Largest rounding error of bf16, relative to the value.
const ROUNDING: f32 = 1.0 / 256.0;

fn uniform(name: &str, length: usize) -> Vec<f32> {
    let mut rng = stream(9, name, &[]);
    (0..length).map(|_| rng::uniform(-1.0, 1.0, &mut rng)).collect()
}

/// The same bf16 values as a map in f32 and in bf16.
fn maps(name: &str, length: usize) -> [CpuMap; 2] {
    let device = Cpu::default();
    let bf16 = device.upload_map(uniform(name, length), Precision::Bf16).unwrap();
    [CpuMap::F32(device.download_map(&bf16).unwrap()), bf16]
}

fn empty(length: usize) -> [CpuMap; 2] {
    [Precision::F32, Precision::Bf16].map(|precision| Cpu::default().allocate_map(length, precision).unwrap())
}

/// Allows one rounding to bf16 and, since sums may be in another order, 1e-5 of the largest value.
fn assert_rounded(what: &str, f32: &[f32], bf16: &[f32]) {
    let largest = f32.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    assert!(largest > 0.0, "{what}");
    for (i, (f32, bf16)) in f32.iter().zip(bf16).enumerate() {
        let error = (f32 - bf16).abs();
        assert!(error <= ROUNDING * f32.abs() + 1e-5 * largest, "{what}[{i}]: {bf16} instead of {f32}");
    }
}

fn assert_maps_rounded(what: &str, [f32, bf16]: &[CpuMap; 2]) {
    let device = Cpu::default();
    assert!(matches!(bf16, CpuMap::Bf16(_)));
    assert_rounded(what, &device.download_map(f32).unwrap(), &device.download_map(bf16).unwrap());
}

/// Weights that are exact in bf16.
fn weights(length: usize) -> Vec<f32> {
    let [f32, _] = maps("weights", length);
    Cpu::default().download_map(&f32).unwrap()
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
        (shape(18, 21, 3, 1, 1, 6), 11), // Winograd, with a remainder
        (shape(16, 32, 3, 1, 1, 8), 5),
    ];
    for (shape, rows) in shapes {
        let what = format!("{shape:?}");
        let (weights, bias) = (weights(shape.weights()), uniform("bias", shape.outputs));
        let inputs = maps("input", rows * shape.input_len());
        let cotangents = maps("cotangent", rows * shape.output_len());
        let mut outputs = empty(rows * shape.output_len());
        let mut gradients = maps("before", rows * shape.input_len());
        let mut weight_gradients = [vec![0.0; weights.len()], vec![0.0; weights.len()]];
        let mut bias_gradients = [vec![0.0; bias.len()], vec![0.0; bias.len()]];
        for i in 0..2 {
            // Without the bias, which is added after the rounding.
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
fn weights_are_rounded_to_bf16() {
    let device = Cpu::default();
    let shape = Convolution { inputs: 1, outputs: 1, kernel: 1, stride: 1, padding: 0, side: 1 };
    let [_, input] = [(); 2].map(|()| device.upload_map(vec![1.0], Precision::Bf16).unwrap());
    let [_, mut output] = empty(1);
    // 1 + 2^-8 is halfway between two bf16 values, of which 1 is the even one.
    device.convolution(&shape, &input, &vec![1.0 + 1.0 / 256.0], None, &mut output).unwrap();
    assert_eq!(device.download_map(&output).unwrap(), [1.0]);
}

#[test]
fn batch_norm() {
    let device = Cpu::default();
    for (pixels, channels) in [(11, 3), (2000, 7), (300, 64)] {
        let length = pixels * channels;
        let [scale, shift] = ["scale", "shift"].map(|name| uniform(name, channels));
        let (inputs, residuals, cotangents) = (maps("input", length), maps("residual", length), maps("up", length));
        let (mut outputs, mut moments) = (empty(length), [(); 2].map(|()| [vec![0.0; channels], vec![0.0; channels]]));
        for i in 0..2 {
            let [mean, inv_std] = &mut moments[i];
            device.batch_moments(1, 1e-5, &inputs[i], mean, inv_std, None).unwrap();
            let norm = Normalization { mean, inv_std, scale: &scale, shift: &shift };
            device.normalize(&norm, &inputs[i], Some(&residuals[i]), true, &mut outputs[i]).unwrap();
        }
        let what = format!("{pixels} pixels, {channels} channels");
        assert_eq!(moments[0], moments[1], "{what}: moments are those of the stored values");
        assert_maps_rounded(&format!("output, {what}"), &outputs);
        let (mut gradients, mut inputs) = (cotangents, inputs);
        let mut parameters = [(); 2].map(|()| [vec![0.0; channels], vec![0.0; channels]]);
        for i in 0..2 {
            let [mean, inv_std] = &moments[i];
            let norm = Normalization { mean, inv_std, scale: &scale, shift: &shift };
            let [of_scale, of_shift] = &mut parameters[i];
            let output = ReluOutput::AfterSum(&outputs[i]);
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
        device.average_pool_gradient(5, &uniform("means", rows * 5), rows, &mut averages[i]).unwrap();
    }
    assert_maps_rounded("maximum", &outputs);
    assert_maps_rounded("gradient of the maximum", &gradients);
    assert_maps_rounded("gradient of the mean", &averages);
    assert_eq!(means[0], means[1], "averages are 32-bit");
}

#[test]
fn mixing_precisions_is_an_error() {
    let device = Cpu::default();
    let shape = MaxPool { channels: 1, kernel: 2, stride: 2, padding: 0, side: 2 };
    let ([input, _], [_, mut output]) = (maps("input", 4), empty(1));
    assert!(device.max_pool(&shape, &input, &mut output).is_err());
}
