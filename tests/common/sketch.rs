//! Sketches of golden tensors and the initial weights behind them: the counterpart of `tests/golden/resnet.py`.

use serde::Deserialize;
use simclr::nn::NamedTensor;

pub(crate) const TOLERANCE: f64 = 1e-4;

/// A summary of a tensor: norm, dot products with pseudo-random vectors, sampled entries.
#[derive(Deserialize)]
pub(crate) struct Sketch {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) norm: f64,
    pub(crate) largest: f64,
    pub(crate) products: Vec<f64>,
    pub(crate) samples: Vec<f64>,
}

impl Sketch {
    /// Returns the maximum difference, relative to the norm (for norm and products) or the largest entry (for samples).
    pub(crate) fn error(&self, values: &[f32]) -> f64 {
        assert_eq!(values.len(), self.shape.iter().product::<usize>(), "{}", self.name);
        let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let products = self.products.iter().enumerate().map(|(i, product)| {
            let vector = uniform(&format!("product{i} {}", self.name), values.len());
            let ours: f64 = vector.iter().zip(values).map(|(a, b)| a * f64::from(*b)).sum();
            (ours - product).abs() / self.norm
        });
        let samples = self.samples.iter().enumerate().map(|(i, sample)| {
            let index = ((i as u128 * 7919 + u128::from(fnv(&self.name))) % values.len() as u128) as usize;
            (f64::from(values[index]) - sample).abs() / self.largest
        });
        products.chain(samples).chain([(norm - self.norm).abs() / self.norm]).fold(0.0, nan_wins)
    }
}

fn nan_wins(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3))
}

/// Returns numbers in [-1, 1) with 24 bits: splitmix64 of (name, index).
pub(crate) fn uniform(name: &str, length: usize) -> Vec<f64> {
    let start = fnv(name);
    let number = |i: u64| {
        let z = i.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(start);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f64 / f64::from(1 << 23) - 1.0
    };
    (1..=length as u64).map(number).collect()
}

/// Initializes a parameter as `initial` of the script does; running statistics are returned unchanged.
pub(crate) fn initial(tensor: &NamedTensor, last_norm: &str) -> NamedTensor {
    let value = |u: f64| {
        if tensor.shape.len() > 1 {
            u * (6.0 / tensor.shape[1..].iter().product::<usize>() as f64).sqrt()
        } else if tensor.name.ends_with(&format!("{last_norm}.weight")) {
            0.25 + 0.0625 * u
        } else if tensor.name.ends_with("weight") {
            1.0 + 0.25 * u
        } else {
            0.25 * u
        }
    };
    if tensor.name.contains("running") {
        return tensor.clone();
    }
    let values = uniform(&tensor.name, tensor.values.len()).into_iter().map(|u| value(u) as f32).collect();
    NamedTensor { values, ..tensor.clone() }
}

/// Checks every gradient. A bias before batch norm has an exact gradient of 0, so ours is compared with the scale of the
/// previous gradient.
pub(crate) fn check_gradients(sketches: &[Sketch], gradients: &[NamedTensor]) {
    assert_eq!(sketches.len(), gradients.len());
    let mut weights = 0.0;
    for sketch in sketches {
        let values = &find(gradients, sketch).values;
        if sketch.norm > 1e-9 {
            assert_close(sketch, values);
            weights = sketch.largest;
        } else {
            let largest = values.iter().fold(0.0, |largest, value| nan_wins(largest, f64::from(value.abs())));
            assert!(largest < TOLERANCE * weights, "{}: {largest} instead of 0", sketch.name);
        }
    }
}

pub(crate) fn find<'a>(tensors: &'a [NamedTensor], sketch: &Sketch) -> &'a NamedTensor {
    let tensor = tensors.iter().find(|tensor| tensor.name == sketch.name);
    let tensor = tensor.unwrap_or_else(|| panic!("no {}", sketch.name));
    assert_eq!(tensor.shape, sketch.shape, "{}", sketch.name);
    tensor
}

pub(crate) fn assert_close(sketch: &Sketch, values: &[f32]) {
    let error = sketch.error(values);
    assert!(error < TOLERANCE, "{}: relative error {error:.1e}", sketch.name);
}
