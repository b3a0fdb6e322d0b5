//! Element types of maps, f32 and bf16, with test data and comparisons.

use simclr::base::rng;
use simclr::nn::CpuMap;

/// The element type of a map.
pub(crate) trait Element: Copy + PartialEq + std::fmt::Debug {
    /// Suffix of the kernels' names.
    const SUFFIX: &'static str;
    /// Maximum rounding error of this type, relative to the value.
    const ROUNDING: f32;

    fn of(x: f32) -> Self;
    fn value(self) -> f32;
}

impl Element for f32 {
    const SUFFIX: &'static str = "f32";
    const ROUNDING: f32 = 0.0;

    fn of(x: f32) -> Self {
        x
    }
    fn value(self) -> f32 {
        self
    }
}

/// bfloat16: the upper half of an f32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub(crate) struct Bf16(pub(crate) u16);

impl Element for Bf16 {
    const SUFFIX: &'static str = "bf16";
    const ROUNDING: f32 = 1.0 / 256.0;

    /// Rounds to nearest, ties to even.
    fn of(x: f32) -> Self {
        let below = (x.to_bits() >> 16) as u16;
        if x.is_nan() {
            return Self(below | 0x40);
        }
        let (low, high) = (Self(below), Self(below + 1));
        // The successor of the largest finite value counts as 2^128.
        let step = |candidate: Self| {
            if candidate.0 & 0x7fff == 0x7f80 { 2f64.powi(128) } else { f64::from(candidate.value()).abs() }
        };
        let (down, up) = (f64::from(x).abs() - step(low), step(high) - f64::from(x).abs());
        if x.is_infinite() || down < up || (down == up && below.is_multiple_of(2)) { low } else { high }
    }
    fn value(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// Rounds values to a map.
pub(crate) fn rounded<T: Element>(values: &[f32]) -> Vec<T> {
    values.iter().map(|&x| T::of(x)).collect()
}

/// Converts to an f32 map of the CPU backend.
pub(crate) fn map<T: Element>(values: &[T]) -> CpuMap {
    CpuMap::F32(widened(values))
}

/// Returns a map for the CPU backend to overwrite.
pub(crate) fn blank_map(length: usize) -> CpuMap {
    CpuMap::F32(blank(length))
}

/// Returns the values of an f32 map of the CPU backend.
pub(crate) fn values(map: &CpuMap) -> Vec<f32> {
    match map {
        CpuMap::F32(values) => values.clone(),
        CpuMap::Bf16(_) => panic!("expected an f32 map"),
    }
}

/// Converts to f32.
pub(crate) fn widened<T: Element>(map: &[T]) -> Vec<f32> {
    map.iter().map(|x| x.value()).collect()
}

/// Returns a map of NaN for a kernel to overwrite.
pub(crate) fn blank<T: Element>(length: usize) -> Vec<T> {
    vec![T::of(f32::NAN); length]
}

/// Returns the bits, so that a NaN is equal to itself.
pub(crate) fn bits<T: Element>(map: &[T]) -> Vec<u32> {
    map.iter().map(|x| x.value().to_bits()).collect()
}

/// Returns normal random values, determined by name and length.
pub(crate) fn random(name: &str, length: usize) -> Vec<f32> {
    let mut stream = rng::stream(7, name, &[length as u64]);
    (0..length).map(|_| rng::normal(&mut stream)).collect()
}

/// Checks within 1e-5 of the largest value plus one rounding of the element type.
pub(crate) fn assert_close<T: Element>(what: &str, ours: &[T], expected: &[f32]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let (ours, tolerance) = (ours.value(), T::ROUNDING * expected.abs() + 1e-5 * largest);
        let same = (ours - expected).abs() <= tolerance || (ours.is_nan() && expected.is_nan());
        assert!(same, "{what}[{i}]: {ours} instead of {expected}");
    }
}
