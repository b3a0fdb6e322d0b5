//! Max pooling and average pooling.

use crate::element::{Bf16, Element, assert_close, bits, blank, blank_map, map, random, rounded, values};
use crate::host::{Argument, Host, in_both_orders, launch};
use dfdx::prelude::Cpu;
use simclr::nn::{Backend, MaxPool};

const IMAGES: usize = 3;
const GRIDS: &[[usize; 2]] = &[[IMAGES, 4], [2, 1]];

fn shapes() -> Vec<MaxPool> {
    let shape = |channels, kernel, stride, padding, side| MaxPool { channels, kernel, stride, padding, side };
    vec![
        shape(3, 3, 2, 1, 7),
        shape(7, 2, 2, 0, 6),
        shape(64, 3, 2, 1, 12),
        shape(130, 3, 2, 1, 5),
        shape(16, 3, 1, 1, 5),
        shape(8, 5, 3, 2, 11),
        shape(4, 2, 3, 0, 8),
        shape(24, 3, 2, 1, 1),
    ]
}

/// `MaxPoolShape` of `max_pool.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Shape([i32; 6]);

fn argument(shape: &MaxPool) -> Argument<'static> {
    let MaxPool { channels, kernel, stride, padding, side } = *shape;
    Argument::value(Shape([channels, kernel, stride, padding, side, shape.output_side()].map(|x| x as i32)))
}

/// Few distinct values, so that windows have several maxima, and one NaN.
fn input<T: Element>(shape: &MaxPool) -> Vec<T> {
    let random = random("input", IMAGES * shape.side * shape.side * shape.channels);
    let mut input: Vec<f32> = random.iter().map(|x| (2.0 * x).round() / 4.0).collect();
    let middle = input.len() / 2;
    input[middle] = f32::NAN;
    rounded(&input)
}

fn max_pool_matches_the_cpu<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let (device, mut all) = (Cpu::default(), Vec::new());
    for shape in shapes() {
        let (input, length) = (input::<T>(&shape), IMAGES * shape.output_len());
        let cotangent = rounded::<T>(&random("cotangent", length));
        let (wide, mut expected, mut expected_gradient) = (map(&input), blank_map(length), blank_map(input.len()));
        device.max_pool(&shape, &wide, &mut expected).unwrap();
        device.max_pool_gradient(&shape, &wide, &expected, &map(&cotangent), &mut expected_gradient).unwrap();
        let (expected, expected_gradient) = (values(&expected), values(&expected_gradient));
        for &grid in GRIDS {
            let (mut output, mut gradient) = (blank::<T>(length), blank::<T>(input.len()));
            output.fill(T::of(77.0));
            launch!(host, format!("max_pool_{}", T::SUFFIX), grid;
                &input, IMAGES as i64, argument(&shape), &mut output);
            assert_eq!(bits(&output), bits(&rounded::<T>(&expected)), "{shape:?}");
            launch!(host, format!("max_pool_gradient_{}", T::SUFFIX), grid;
                &input, &output, &cotangent, IMAGES as i64, argument(&shape), &mut gradient);
            assert_close(&format!("gradient, {shape:?}"), &gradient, &expected_gradient);
            all.extend([bits(&output), bits(&gradient)]);
        }
    }
    all
}

#[test]
fn max_pool() {
    in_both_orders(max_pool_matches_the_cpu::<f32>);
    in_both_orders(max_pool_matches_the_cpu::<Bf16>);
}

fn average_pool_matches_the_cpu<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let (device, mut all) = (Cpu::default(), Vec::new());
    for (pixels, channels) in [(1, 3), (4, 7), (49, 64), (9, 130), (16, 264), (2, 2048)] {
        let input = rounded::<T>(&random("input", IMAGES * pixels * channels));
        let cotangent = random("cotangent", IMAGES * channels);
        let (mut expected, mut expected_gradient) = (blank(IMAGES * channels), blank_map(input.len()));
        device.average_pool(channels, &map(&input), IMAGES, &mut expected).unwrap();
        device.average_pool_gradient(channels, &cotangent, IMAGES, &mut expected_gradient).unwrap();
        let expected_gradient = values(&expected_gradient);
        for &grid in GRIDS {
            let (mut output, mut gradient) = (blank::<f32>(expected.len()), blank::<T>(input.len()));
            launch!(host, format!("average_pool_{}", T::SUFFIX), grid;
                &input, IMAGES as i64, pixels as i32, channels as i32, &mut output);
            assert_eq!(output, expected, "{pixels} pixels, {channels} channels");
            launch!(host, format!("average_pool_gradient_{}", T::SUFFIX), grid;
                &cotangent, IMAGES as i64, pixels as i32, channels as i32, &mut gradient);
            assert_eq!(gradient, rounded::<T>(&expected_gradient), "{pixels} pixels, {channels} channels");
            all.extend([bits(&output), bits(&gradient)]);
        }
    }
    all
}

#[test]
fn average_pool() {
    in_both_orders(average_pool_matches_the_cpu::<f32>);
    in_both_orders(average_pool_matches_the_cpu::<Bf16>);
}
