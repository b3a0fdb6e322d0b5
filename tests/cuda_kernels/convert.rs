//! Conversions between element types, of weights, and of images.

use crate::element::{Bf16, Element, bits, blank, random, rounded, widened};
use crate::host::{Argument, Host, in_both_orders, launch};

/// Returns every bf16 value and the floats around the midpoint to its successor.
fn floats() -> Vec<f32> {
    let around = |upper: u32| [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff].map(|lower| f32::from_bits(upper << 16 | lower));
    (0..1 << 16).flat_map(around).chain([1.0, f32::NAN, f32::INFINITY]).collect()
}

#[test]
fn rounding() {
    in_both_orders(|host| {
        let from = floats();
        let mut to = vec![Bf16(0); from.len()];
        launch!(host, "to_bf16", [5, 1]; &from, from.len() as i64, &mut to);
        assert!(to == rounded::<Bf16>(&from));
        let mut back = blank::<f32>(to.len());
        launch!(host, "to_f32", [5, 1]; &to, to.len() as i64, &mut back);
        assert!(bits(&back) == bits(&to));
        bits(&back)
    });
}

/// `[taps, inputs, padded, outputs]`
const WEIGHTS: &[[usize; 4]] = &[[1, 3, 3, 7], [9, 7, 7, 130], [49, 3, 4, 64], [49, 3, 8, 33], [1, 64, 64, 100]];

fn transposed<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for &[taps, inputs, padded, outputs] in WEIGHTS {
        let weights = random("weights", taps * inputs * outputs);
        let expected = (0..outputs * taps * padded).map(|i| {
            let (output, tap, input) = (i / (taps * padded), i / padded % taps, i % padded);
            if input < inputs { weights[(tap * inputs + input) * outputs + output] } else { 0.0 }
        });
        let expected: Vec<T> = expected.map(T::of).collect();
        let sizes = [taps, inputs, padded, outputs].map(|size| size as i32);
        let grid = [outputs.div_ceil(32), (taps * padded).div_ceil(32)];
        let (mut to, mut back) = (blank::<T>(expected.len()), blank::<f32>(weights.len()));
        launch!(host, format!("weights_{}", T::SUFFIX), grid;
            &weights, sizes[0], sizes[1], sizes[2], sizes[3], &mut to);
        assert_eq!(to, expected);
        launch!(host, format!("weights_gradient_{}", T::SUFFIX), grid;
            &to, sizes[0], sizes[1], sizes[2], sizes[3], &mut back);
        assert_eq!(back, widened(&rounded::<T>(&weights)));
        all.extend([bits(&to), bits(&back)]);
    }
    all
}

#[test]
fn weights() {
    in_both_orders(transposed::<f32>);
    in_both_orders(transposed::<Bf16>);
}

/// `Colors` of `convert.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Colors([f32; 3]);

fn images_to_maps<T: Element>(host: &Host) -> Vec<Vec<u32>> {
    let (mean, std) = ([0.485f32, 0.456, 0.406], [0.229f32, 0.224, 0.225]);
    let factor = std.map(|std| 1.0 / std);
    let pixels = 1000;
    let images: Vec<u8> = (0..pixels * 3).map(|i| (i * 37 % 256) as u8).collect();
    let map: Vec<T> = random("numbers", pixels * 3).into_iter().map(T::of).collect();
    let values = widened(&map);
    let padded_to = |padded: usize, value: &dyn Fn(usize, usize) -> f32| -> Vec<T> {
        (0..pixels * padded)
            .map(|i| T::of(if i % padded < 3 { value(i / padded * 3, i % padded) } else { 0.0 }))
            .collect()
    };
    let mut all = Vec::new();
    for padded in [3, 4, 8] {
        let color = |at: usize, i: usize| (f32::from(images[at + i]) / 255.0 - mean[i]) * factor[i];
        let (mut to, mut padded_map) = (blank::<T>(pixels * padded), blank::<T>(pixels * padded));
        launch!(host, format!("images_{}", T::SUFFIX), [2, 1]; &images, pixels as i64,
            Argument::value(Colors(mean)), Argument::value(Colors(factor)), padded as i32, &mut to);
        assert_eq!(to, padded_to(padded, &color));
        launch!(host, format!("pad_{}", T::SUFFIX), [2, 1];
            &map, pixels as i64, 3, padded as i32, &mut padded_map);
        assert_eq!(padded_map, padded_to(padded, &|at, i| values[at + i]));
        all.extend([bits(&to), bits(&padded_map)]);
    }
    all
}

#[test]
fn images() {
    in_both_orders(images_to_maps::<f32>);
    in_both_orders(images_to_maps::<Bf16>);
}
