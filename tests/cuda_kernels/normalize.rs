//! Moments, batch norm, its gradient, and biases.

use crate::element::{Bf16, Element, assert_close, bits, blank, blank_map, map, random, rounded, values};
use crate::host::{Host, in_both_orders, launch};
use dfdx::prelude::Cpu;
use simclr::nn::{Backend, Normalization, ReluOutput, RunningUpdate};

const EPSILON: f32 = 1e-5;
const MOMENTUM: f32 = 0.1;

/// Pixels and channels: fewer pixels than parts, channels that are and are not multiples of vectors, tiles and blocks.
pub(crate) const SIZES: &[(usize, usize)] =
    &[(1, 3), (5, 7), (1000, 3), (1000, 7), (1, 64), (5, 64), (1000, 64), (5, 130), (1000, 130), (300, 264), (37, 1)];

/// Parts of the pixels, some of them short or empty, and blocks over the tiles.
pub(crate) const GRIDS: &[[usize; 2]] = &[[1, 1], [9, 2]];

/// The arguments of a batch norm.
struct NormCase<T> {
    pixels: usize,
    channels: usize,
    input: Vec<T>,
    residual: Option<Vec<T>>,
    relu: bool,
    mean: Vec<f32>,
    inv_std: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl<T: Element> NormCase<T> {
    /// Returns an input with a mean far from 0, for which E[x^2] - E[x]^2 loses its digits.
    fn new(pixels: usize, channels: usize, relu: bool) -> Self {
        let input: Vec<f32> = random("input", pixels * channels).iter().map(|x| 20.0 + 2.0 * x).collect();
        let input = rounded(&input);
        let (mut mean, mut inv_std) = (blank(channels), blank(channels));
        Cpu::default().batch_moments(1, EPSILON, &map(&input), &mut mean, &mut inv_std, None).unwrap();
        let scale = random("scale", channels).iter().map(|x| x + 1.5).collect();
        let residual = relu.then(|| rounded(&random("residual", pixels * channels)));
        Self { pixels, channels, input, residual, relu, mean, inv_std, scale, shift: random("shift", channels) }
    }

    fn normalization(&self) -> Normalization<'_, Vec<f32>> {
        let Self { mean, inv_std, scale, shift, .. } = self;
        Normalization { mean, inv_std, scale, shift }
    }

    fn expected(&self) -> Vec<f32> {
        let mut output = blank_map(self.input.len());
        let residual = self.residual.as_ref().map(|residual| map(residual));
        let input = map(&self.input);
        Cpu::default().normalize(&self.normalization(), &input, residual.as_ref(), self.relu, &mut output).unwrap();
        values(&output)
    }

    fn output(&self, host: &Host, grid: [usize; 2]) -> Vec<T> {
        let mut output = blank(self.input.len());
        launch!(host, format!("normalize_{}", T::SUFFIX), grid; &self.input, self.residual.as_ref(),
            self.pixels as i64, self.channels as i32, &self.mean, &self.inv_std, &self.scale, &self.shift,
            i32::from(self.relu), &mut output);
        output
    }
}

fn moments_of<T: Element>(host: &Host, input: &Vec<T>, channels: usize, grid: [usize; 2]) -> [Vec<f32>; 4] {
    let (pixels, parts) = (input.len() / channels, grid[0]);
    let (mut means, mut squares) = (blank::<f32>(parts * channels), blank::<f32>(parts * channels));
    launch!(host, format!("moments_{}", T::SUFFIX), grid;
        input, pixels as i64, channels as i32, &mut means, &mut squares);
    let (mut mean, mut inv_std) = (blank(channels), blank(channels));
    let (mut running_mean, mut running_variance) = (random("mean", channels), vec![2.0; channels]);
    launch!(host, "moments_merge", [channels.div_ceil(8), 1]; &means, &squares, parts as i32, pixels as i64,
        channels as i32, EPSILON, &mut mean, &mut inv_std, &mut running_mean, &mut running_variance, MOMENTUM);
    let (mut mean_again, mut inv_std_again) = (blank::<f32>(channels), blank::<f32>(channels));
    launch!(host, "moments_merge", [channels.div_ceil(8), 1]; &means, &squares, parts as i32, pixels as i64,
        channels as i32, EPSILON, &mut mean_again, &mut inv_std_again, None::<&Vec<f32>>, None::<&Vec<f32>>, MOMENTUM);
    assert_eq!((&mean_again, &inv_std_again), (&mean, &inv_std));
    [mean, inv_std, running_mean, running_variance]
}

fn moments_match_the_cpu<T: Element>(host: &Host) -> Vec<[Vec<f32>; 4]> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        let norm = NormCase::<T>::new(pixels, channels, false);
        let (mut mean, mut inv_std) = (blank(channels), blank(channels));
        let (mut running_mean, mut running_variance) = (random("mean", channels), vec![2.0; channels]);
        let running = RunningUpdate { mean: &mut running_mean, variance: &mut running_variance, momentum: MOMENTUM };
        let input = map(&norm.input);
        Cpu::default().batch_moments(1, EPSILON, &input, &mut mean, &mut inv_std, Some(running)).unwrap();
        for &grid in GRIDS {
            let ours = moments_of(host, &norm.input, channels, grid);
            let what = format!("{pixels} pixels, {channels} channels, {grid:?}");
            assert_close(&format!("mean, {what}"), &ours[0], &mean);
            assert_close(&format!("inv_std, {what}"), &ours[1], &inv_std);
            assert_close(&format!("running mean, {what}"), &ours[2], &running_mean);
            assert_close(&format!("running variance, {what}"), &ours[3], &running_variance);
            all.push(ours);
        }
    }
    all
}

#[test]
fn moments() {
    in_both_orders(moments_match_the_cpu::<f32>);
    in_both_orders(moments_match_the_cpu::<Bf16>);
}

#[test]
fn inv_std() {
    in_both_orders(|host| {
        let variance: Vec<f32> = random("variance", 130).iter().map(|x| x * x).collect();
        let (mut ours, mut expected) = (blank::<f32>(130), blank(130));
        launch!(host, "inv_std", [1, 1]; EPSILON, &variance, 130, &mut ours);
        Cpu::default().inv_std(EPSILON, &variance, &mut expected).unwrap();
        assert_close("inv_std", &ours, &expected);
        ours
    });
}

fn normalize_matches_the_cpu<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        for relu in [false, true] {
            let mut norm = NormCase::<T>::new(pixels, channels, relu);
            norm.input[0] = T::of(f32::NAN); // propagates, also through a ReLU
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
    in_both_orders(normalize_matches_the_cpu::<f32>);
    in_both_orders(normalize_matches_the_cpu::<Bf16>);
}

/// Returns the gradients of the input, of the residual, and of scale and shift.
fn gradients<T: Element>(
    host: &Host,
    norm: &NormCase<T>,
    relu_output: &ReluOutput<'_, Vec<T>>,
    cotangent: &[T],
    grid: [usize; 2],
) -> (Vec<T>, Vec<T>, [Vec<f32>; 2]) {
    let (pixels, channels, parts) = (norm.pixels as i64, norm.channels as i32, grid[0]);
    let (mut input, mut gradient) = (norm.input.clone(), cotangent.to_vec());
    let (mut products, mut sums) = (blank::<f32>(parts * norm.channels), blank::<f32>(parts * norm.channels));
    let (relu, relu_output) = match relu_output {
        ReluOutput::None => (0, None),
        ReluOutput::AfterNorm(_) => (1, None),
        ReluOutput::AfterSum(output) => (0, Some(*output)),
    };
    launch!(host, format!("gradient_sums_{}", T::SUFFIX), grid;
        &norm.input, relu_output, &mut gradient, pixels, channels, &norm.mean, &norm.inv_std, &norm.scale,
        &norm.shift, relu, &mut products, &mut sums);
    let (mut scale, mut shift) = (blank(norm.channels), blank(norm.channels));
    launch!(host, "gradient_sums_merge", [norm.channels.div_ceil(8), 1];
        &products, &sums, parts as i32, channels, &norm.inv_std, &mut scale, &mut shift);
    launch!(host, format!("input_gradient_{}", T::SUFFIX), grid; &gradient, pixels, channels, &norm.mean,
        &norm.inv_std, &norm.scale, &norm.shift, relu, &scale, &shift, &mut input);
    (input, gradient, [scale, shift])
}

/// What follows the batch norm.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    Nothing,
    Relu,
    ResidualAndRelu,
}

fn relu_output<M>(then: Then, output: &M) -> ReluOutput<'_, M> {
    match then {
        Then::Nothing => ReluOutput::None,
        Then::Relu => ReluOutput::AfterNorm(output),
        Then::ResidualAndRelu => ReluOutput::AfterSum(output),
    }
}

fn gradients_match_the_cpu<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &(pixels, channels) in SIZES {
        for then in [Then::Nothing, Then::Relu, Then::ResidualAndRelu] {
            let mut norm = NormCase::<T>::new(pixels, channels, then != Then::Nothing);
            if then == Then::Relu {
                norm.residual = None;
            }
            // As the kernel computes it, since the mask of values near 0 depends on the last bit.
            let output = norm.output(host, [1, 1]);
            let cotangent = rounded::<T>(&random("cotangent", pixels * channels));
            let (mut input, mut gradient) = (map(&norm.input), map(&cotangent));
            let (mut scale, mut shift) = (blank(channels), blank(channels));
            let (into, sums) = ((&mut gradient, &mut input), (&mut scale, &mut shift));
            let (normalization, wide_output) = (norm.normalization(), map(&output));
            let relu = relu_output(then, &wide_output);
            Cpu::default().normalize_gradient(&normalization, relu, into.0, into.1, sums.0, sums.1).unwrap();
            let (input, gradient) = (values(&input), values(&gradient));
            for &grid in GRIDS {
                let ours = gradients(host, &norm, &relu_output(then, &output), &cotangent, grid);
                let what = format!("{pixels} pixels, {channels} channels, {then:?}, {grid:?}");
                assert_close(&format!("scale, {what}"), &ours.2[0], &scale);
                assert_close(&format!("shift, {what}"), &ours.2[1], &shift);
                if then != Then::Relu {
                    assert_close(&format!("residual, {what}"), &ours.1, &gradient);
                }
                assert_close(&format!("input, {what}"), &ours.0, &input);
                all.extend([bits(&ours.0), bits(&ours.1), bits(&ours.2[0]), bits(&ours.2[1])]);
            }
        }
    }
    all
}

#[test]
fn normalize_gradient() {
    in_both_orders(gradients_match_the_cpu::<f32>);
    in_both_orders(gradients_match_the_cpu::<Bf16>);
}

/// Runs the kernels on each half of the map and adds up the gradients of scale and shift, against two groups on the
/// CPU.
fn two_groups_match_the_cpu<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for (pixels, channels) in [(5, 7), (500, 64), (150, 264)] {
        let whole = NormCase::<T>::new(2 * pixels, channels, false);
        let cotangent = rounded::<T>(&random("cotangent", 2 * pixels * channels));
        let [mut mean, mut inv_std] = [(); 2].map(|()| blank(2 * channels));
        let input = map(&whole.input);
        Cpu::default().batch_moments(2, EPSILON, &input, &mut mean, &mut inv_std, None).unwrap();
        let norm = Normalization { mean: &mean, inv_std: &inv_std, scale: &whole.scale, shift: &whole.shift };
        let (mut of_input, mut gradient) = (map(&whole.input), map(&cotangent));
        let [mut scale, mut shift] = [(); 2].map(|()| blank(channels));
        let into = (&mut gradient, &mut of_input);
        Cpu::default().normalize_gradient(&norm, ReluOutput::None, into.0, into.1, &mut scale, &mut shift).unwrap();
        for &grid in GRIDS {
            let mut inputs: Vec<T> = Vec::new();
            let (mut scales, mut shifts): (Vec<f32>, Vec<f32>) = Default::default();
            for group in 0..2 {
                let rows = group * pixels * channels..(group + 1) * pixels * channels;
                let input = whole.input[rows.clone()].to_vec();
                let [mean, inv_std, ..] = moments_of(host, &input, channels, grid);
                let NormCase { scale, shift, .. } = &whole;
                let (scale, shift) = (scale.clone(), shift.clone());
                let part =
                    NormCase { pixels, channels, input, residual: None, relu: false, mean, inv_std, scale, shift };
                let ours = gradients(host, &part, &ReluOutput::None, &cotangent[rows], grid);
                inputs.extend(ours.0);
                let [scale, shift] = ours.2;
                scales.extend(scale);
                shifts.extend(shift);
            }
            let [mut of_scale, mut of_shift] = [(); 2].map(|()| blank::<f32>(channels));
            for (parts, sums) in [(&scales, &mut of_scale), (&shifts, &mut of_shift)] {
                launch!(host, "channel_sums_merge", [channels.div_ceil(8), 1]; parts, 2, channels as i32, sums);
            }
            let what = format!("2 x {pixels} pixels, {channels} channels, {grid:?}");
            assert_close(&format!("scale, {what}"), &of_scale, &scale);
            assert_close(&format!("shift, {what}"), &of_shift, &shift);
            assert_close(&format!("input, {what}"), &inputs, &values(&of_input));
            all.extend([bits(&inputs), bits(&of_scale), bits(&of_shift)]);
        }
    }
    all
}

#[test]
fn groups() {
    in_both_orders(two_groups_match_the_cpu::<f32>);
    in_both_orders(two_groups_match_the_cpu::<Bf16>);
}
