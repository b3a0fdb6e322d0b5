//! Moments, batch norm, its gradient, and biases.

use crate::host::{Host, in_both_orders, launch};
use crate::number::{Bf16, Number, assert_close, bits, blank, blank_map, map, numbers, random, rounded};
use dfdx::prelude::Cpu;
use simclr::nn::{Backend, Normalization, Running};

const EPSILON: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;

/// Pixels and channels: fewer pixels than parts, channels that fill vectors, tiles and blocks and that do not.
const SIZES: &[(usize, usize)] =
    &[(1, 3), (5, 7), (1000, 3), (1000, 7), (1, 64), (5, 64), (1000, 64), (5, 130), (1000, 130), (300, 264), (37, 1)];

/// Parts that pixels are cut into, some of them short or empty, and blocks over tiles.
const GRIDS: &[[usize; 2]] = &[[1, 1], [9, 2]];

/// A batch norm's arguments.
struct Norm<T> {
    pixels: usize,
    channels: usize,
    input: Vec<T>,
    residual: Option<Vec<T>>,
    relu: bool,
    mean: Vec<f32>,
    inverse_deviation: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl<T: Number> Norm<T> {
    /// A mean far from 0 and a smaller deviation: where a careless variance fails.
    fn new(pixels: usize, channels: usize, relu: bool) -> Self {
        let input: Vec<f32> = random("input", pixels * channels).iter().map(|x| 20.0 + 2.0 * x).collect();
        let input = rounded(&input);
        let (mut mean, mut inverse_deviation) = (blank(channels), blank(channels));
        Cpu::default().batch_moments(1, EPSILON, &map(&input), &mut mean, &mut inverse_deviation, None).unwrap();
        let scale = random("scale", channels).iter().map(|x| x + 1.5).collect();
        let residual = relu.then(|| rounded(&random("residual", pixels * channels)));
        Self {
            pixels,
            channels,
            input,
            residual,
            relu,
            mean,
            inverse_deviation,
            scale,
            shift: random("shift", channels),
        }
    }

    fn normalization(&self) -> Normalization<'_, Vec<f32>> {
        let Self { mean, inverse_deviation, scale, shift, .. } = self;
        Normalization { mean, inverse_deviation, scale, shift }
    }

    fn expected(&self) -> Vec<f32> {
        let mut output = blank_map(self.input.len());
        let residual = self.residual.as_ref().map(|residual| map(residual));
        let input = map(&self.input);
        Cpu::default().normalize(&self.normalization(), &input, residual.as_ref(), self.relu, &mut output).unwrap();
        numbers(&output)
    }

    fn output(&self, host: &Host, grid: [usize; 2]) -> Vec<T> {
        let mut output = blank(self.input.len());
        launch!(host, format!("normalize_{}", T::SUFFIX), grid; &self.input, self.residual.as_ref(),
            self.pixels as i64, self.channels as i32, &self.mean, &self.inverse_deviation, &self.scale, &self.shift,
            i32::from(self.relu), &mut output);
        output
    }
}

fn moments_of<T: Number>(host: &Host, input: &Vec<T>, channels: usize, grid: [usize; 2]) -> [Vec<f32>; 4] {
    let (pixels, parts) = (input.len() / channels, grid[0]);
    let (mut means, mut squares) = (blank::<f32>(parts * channels), blank::<f32>(parts * channels));
    launch!(host, format!("moments_{}", T::SUFFIX), grid;
        input, pixels as i64, channels as i32, &mut means, &mut squares);
    let (mut mean, mut inverse) = (blank(channels), blank(channels));
    let (mut running_mean, mut running_variance) = (random("mean", channels), vec![2.0; channels]);
    launch!(host, "moments_merge", [channels.div_ceil(8), 1]; &means, &squares, parts as i32, pixels as i64,
        channels as i32, EPSILON, &mut mean, &mut inverse, &mut running_mean, &mut running_variance, MOMENTUM);
    let (mut again, mut inverse_again) = (blank::<f32>(channels), blank::<f32>(channels));
    launch!(host, "moments_merge", [channels.div_ceil(8), 1]; &means, &squares, parts as i32, pixels as i64,
        channels as i32, EPSILON, &mut again, &mut inverse_again, None::<&Vec<f32>>, None::<&Vec<f32>>, MOMENTUM);
    assert_eq!((&again, &inverse_again), (&mean, &inverse));
    [mean, inverse, running_mean, running_variance]
}

fn moments_are_those_of_the_cpu<T: Number>(host: &Host) -> Vec<[Vec<f32>; 4]> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        let norm = Norm::<T>::new(pixels, channels, false);
        let (mut mean, mut inverse) = (blank(channels), blank(channels));
        let (mut running_mean, mut running_variance) = (random("mean", channels), vec![2.0; channels]);
        let running = Running { mean: &mut running_mean, variance: &mut running_variance, momentum: MOMENTUM };
        let input = map(&norm.input);
        Cpu::default().batch_moments(1, EPSILON, &input, &mut mean, &mut inverse, Some(running)).unwrap();
        for &grid in GRIDS {
            let ours = moments_of(host, &norm.input, channels, grid);
            let what = format!("{pixels} pixels, {channels} channels, {grid:?}");
            assert_close(&format!("mean, {what}"), &ours[0], &mean);
            assert_close(&format!("inverse deviation, {what}"), &ours[1], &inverse);
            assert_close(&format!("running mean, {what}"), &ours[2], &running_mean);
            assert_close(&format!("running variance, {what}"), &ours[3], &running_variance);
            all.push(ours);
        }
    }
    all
}

#[test]
fn moments() {
    in_both_orders(moments_are_those_of_the_cpu::<f32>);
    in_both_orders(moments_are_those_of_the_cpu::<Bf16>);
}

#[test]
fn inverse_deviation() {
    in_both_orders(|host| {
        let variance: Vec<f32> = random("variance", 130).iter().map(|x| x * x).collect();
        let (mut ours, mut expected) = (blank::<f32>(130), blank(130));
        launch!(host, "inverse_deviation", [1, 1]; EPSILON, &variance, 130, &mut ours);
        Cpu::default().inverse_deviation(EPSILON, &variance, &mut expected).unwrap();
        assert_close("inverse deviation", &ours, &expected);
        ours
    });
}

fn normalized_as_on_the_cpu<T: Number>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        for relu in [false, true] {
            let mut norm = Norm::<T>::new(pixels, channels, relu);
            norm.input[0] = T::of(f32::NAN); // stays one, also past a ReLU
            for &grid in GRIDS {
                let output = norm.output(host, grid);
                assert!(output[0].value().is_nan());
                assert_close(&format!("{pixels} pixels, {channels} channels, {grid:?}"), &output, &norm.expected());
                all.push(bits(&output));
            }
        }
    }
    all
}

#[test]
fn normalize() {
    in_both_orders(normalized_as_on_the_cpu::<f32>);
    in_both_orders(normalized_as_on_the_cpu::<Bf16>);
}

/// Gradients of input (in place of it), of the residual, of scale and of shift.
fn gradients<T: Number>(
    host: &Host,
    norm: &Norm<T>,
    relu_output: Option<&Vec<T>>,
    cotangent: &[T],
    grid: [usize; 2],
) -> (Vec<T>, Vec<T>, [Vec<f32>; 2]) {
    let (pixels, channels, parts) = (norm.pixels as i64, norm.channels as i32, grid[0]);
    let (mut input, mut gradient) = (norm.input.clone(), cotangent.to_vec());
    let (mut products, mut sums) = (blank::<f32>(parts * norm.channels), blank::<f32>(parts * norm.channels));
    launch!(host, format!("gradient_sums_{}", T::SUFFIX), grid;
        &norm.input, relu_output, &mut gradient, pixels, channels, &norm.mean, &mut products, &mut sums);
    let (mut scale, mut shift) = (blank(norm.channels), blank(norm.channels));
    launch!(host, "gradient_sums_merge", [norm.channels.div_ceil(8), 1];
        &products, &sums, parts as i32, channels, &norm.inverse_deviation, &mut scale, &mut shift);
    launch!(host, format!("input_gradient_{}", T::SUFFIX), grid; &gradient, pixels, channels, &norm.mean,
        &norm.inverse_deviation, &norm.scale, &scale, &shift, &mut input);
    (input, gradient, [scale, shift])
}

fn gradients_are_those_of_the_cpu<T: Number>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        for relu in [false, true] {
            let norm = Norm::<T>::new(pixels, channels, relu);
            let output: Option<Vec<T>> = relu.then(|| rounded(&norm.expected()));
            let cotangent = rounded::<T>(&random("cotangent", pixels * channels));
            let (mut input, mut gradient) = (map(&norm.input), map(&cotangent));
            let (mut scale, mut shift) = (blank(channels), blank(channels));
            let wide_output = output.as_ref().map(|output| map(output));
            Cpu::default()
                .normalize_gradient(
                    &norm.normalization(),
                    wide_output.as_ref(),
                    &mut gradient,
                    &mut input,
                    &mut scale,
                    &mut shift,
                )
                .unwrap();
            let (input, gradient) = (numbers(&input), numbers(&gradient));
            for &grid in GRIDS {
                let ours = gradients(host, &norm, output.as_ref(), &cotangent, grid);
                let what = format!("{pixels} pixels, {channels} channels, relu {relu}, {grid:?}");
                assert_close(&format!("scale, {what}"), &ours.2[0], &scale);
                assert_close(&format!("shift, {what}"), &ours.2[1], &shift);
                assert_close(&format!("residual, {what}"), &ours.1, &gradient);
                assert_close(&format!("input, {what}"), &ours.0, &input);
                all.extend([bits(&ours.0), bits(&ours.1), bits(&ours.2[0]), bits(&ours.2[1])]);
            }
        }
    }
    all
}

#[test]
fn normalize_gradient() {
    in_both_orders(gradients_are_those_of_the_cpu::<f32>);
    in_both_orders(gradients_are_those_of_the_cpu::<Bf16>);
}

/// Two groups by the kernels on one half of the map after the other, the gradients of scale and shift then added up.
fn two_groups_are_those_of_the_cpu<T: Number>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for (half, channels) in [(5, 7), (500, 64), (150, 264)] {
        let whole = Norm::<T>::new(2 * half, channels, false);
        let cotangent = rounded::<T>(&random("cotangent", 2 * half * channels));
        let [mut mean, mut inverse] = [(); 2].map(|()| blank(2 * channels));
        let input = map(&whole.input);
        Cpu::default().batch_moments(2, EPSILON, &input, &mut mean, &mut inverse, None).unwrap();
        let norm = Normalization { mean: &mean, inverse_deviation: &inverse, scale: &whole.scale, shift: &whole.shift };
        let (mut of_input, mut gradient) = (map(&whole.input), map(&cotangent));
        let [mut scale, mut shift] = [(); 2].map(|()| blank(channels));
        let into = (&mut gradient, &mut of_input);
        Cpu::default().normalize_gradient(&norm, None, into.0, into.1, &mut scale, &mut shift).unwrap();
        for &grid in GRIDS {
            let mut inputs: Vec<T> = Vec::new();
            let (mut scales, mut shifts): (Vec<f32>, Vec<f32>) = Default::default();
            for group in 0..2 {
                let rows = group * half * channels..(group + 1) * half * channels;
                let input = whole.input[rows.clone()].to_vec();
                let [mean, inverse, ..] = moments_of(host, &input, channels, grid);
                let Norm { scale, shift, .. } = &whole;
                let (scale, shift) = (scale.clone(), shift.clone());
                let part = Norm {
                    pixels: half,
                    channels,
                    input,
                    residual: None,
                    relu: false,
                    mean,
                    inverse_deviation: inverse,
                    scale,
                    shift,
                };
                let ours = gradients(host, &part, None, &cotangent[rows], grid);
                inputs.extend(ours.0);
                let [scale, shift] = ours.2;
                scales.extend(scale);
                shifts.extend(shift);
            }
            let [mut of_scale, mut of_shift] = [(); 2].map(|()| blank::<f32>(channels));
            for (parts, sums) in [(&scales, &mut of_scale), (&shifts, &mut of_shift)] {
                launch!(host, "channel_sums_merge", [channels.div_ceil(8), 1]; parts, 2, channels as i32, sums);
            }
            let what = format!("2 times {half} pixels, {channels} channels, {grid:?}");
            assert_close(&format!("scale, {what}"), &of_scale, &scale);
            assert_close(&format!("shift, {what}"), &of_shift, &shift);
            assert_close(&format!("input, {what}"), &inputs, &numbers(&of_input));
            all.extend([bits(&inputs), bits(&of_scale), bits(&of_shift)]);
        }
    }
    all
}

#[test]
fn groups() {
    in_both_orders(two_groups_are_those_of_the_cpu::<f32>);
    in_both_orders(two_groups_are_those_of_the_cpu::<Bf16>);
}

fn biases<T: Number>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        let (bias, map) = (random("bias", channels), rounded::<T>(&random("map", pixels * channels)));
        let added: Vec<f32> = map.iter().enumerate().map(|(i, x)| x.value() + bias[i % channels]).collect();
        let sum =
            |channel| map.iter().skip(channel).step_by(channels).map(|x| f64::from(x.value())).sum::<f64>() as f32;
        let expected: Vec<f32> = (0..channels).map(sum).collect();
        for &grid in GRIDS {
            let (mut ours, what) = (map.clone(), format!("{pixels} pixels, {channels} channels, {grid:?}"));
            launch!(host, format!("bias_{}", T::SUFFIX), grid; &bias, pixels as i64, channels as i32, &mut ours);
            assert_close(&format!("bias, {what}"), &ours, &added);
            let (mut parts, mut sums) = (blank::<f32>(grid[0] * channels), blank::<f32>(channels));
            launch!(host, format!("channel_sums_{}", T::SUFFIX), grid;
                &map, pixels as i64, channels as i32, &mut parts);
            launch!(host, "channel_sums_merge", [channels.div_ceil(8), 1];
                &parts, grid[0] as i32, channels as i32, &mut sums);
            assert_close(&format!("sums, {what}"), &sums, &expected);
            all.extend([bits(&ours), bits(&sums)]);
        }
    }
    all
}

#[test]
fn bias() {
    in_both_orders(biases::<f32>);
    in_both_orders(biases::<Bf16>);
}
