//! Numbers of maps: f32 and bf16.

use simclr::base::rng;
use simclr::nn::CpuMap;

/// What a map holds.
pub(crate) trait Number: Copy + PartialEq + std::fmt::Debug {
    /// End of the kernels' names.
    const SUFFIX: &'static str;
    /// How far one rounding to this type may be off, relative to the number.
    const ROUNDING: f32;

    fn of(x: f32) -> Self;
    fn value(self) -> f32;
}

impl Number for f32 {
    const SUFFIX: &'static str = "f32";
    const ROUNDING: f32 = 0.0;

    fn of(x: f32) -> Self {
        x
    }
    fn value(self) -> f32 {
        self
    }
}

/// The upper half of an f32.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(transparent)]
pub(crate) struct Bf16(pub(crate) u16);

impl Number for Bf16 {
    const SUFFIX: &'static str = "bf16";
    const ROUNDING: f32 = 1.0 / 256.0;

    /// The nearer neighbor; of two as near the one with an even last bit.
    fn of(x: f32) -> Self {
        let below = (x.to_bits() >> 16) as u16;
        if x.is_nan() {
            return Self(below | 0x40);
        }
        let (low, high) = (Self(below), Self(below + 1));
        // Past the largest number the next step would be 2^128.
        let step =
            |number: Self| if number.0 & 0x7fff == 0x7f80 { 2f64.powi(128) } else { f64::from(number.value()).abs() };
        let (down, up) = (f64::from(x).abs() - step(low), step(high) - f64::from(x).abs());
        if x.is_infinite() || down < up || (down == up && below.is_multiple_of(2)) { low } else { high }
    }
    fn value(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// A map of these numbers, each rounded once.
pub(crate) fn rounded<T: Number>(values: &[f32]) -> Vec<T> {
    values.iter().map(|&x| T::of(x)).collect()
}

/// A map as the CPU backend takes it, in 32 bits.
pub(crate) fn map<T: Number>(numbers: &[T]) -> CpuMap {
    CpuMap::Single(widened(numbers))
}

/// A map that the CPU backend is to fill.
pub(crate) fn blank_map(length: usize) -> CpuMap {
    CpuMap::Single(blank(length))
}

/// What the CPU backend has filled a map with.
pub(crate) fn numbers(map: &CpuMap) -> Vec<f32> {
    match map {
        CpuMap::Single(numbers) => numbers.clone(),
        CpuMap::Half(_) => panic!("a map of 32 bits was given"),
    }
}

/// The same numbers in 32 bits.
pub(crate) fn widened<T: Number>(map: &[T]) -> Vec<f32> {
    map.iter().map(|x| x.value()).collect()
}

/// A map of numbers of no meaning, for a kernel to overwrite.
pub(crate) fn blank<T: Number>(length: usize) -> Vec<T> {
    vec![T::of(f32::NAN); length]
}

/// Bits, so that a NaN is equal to itself.
pub(crate) fn bits<T: Number>(map: &[T]) -> Vec<u32> {
    map.iter().map(|x| x.value().to_bits()).collect()
}

/// Random numbers around 0, the same for a name and a length.
pub(crate) fn random(name: &str, length: usize) -> Vec<f32> {
    let mut stream = rng::stream(7, name, &[length as u64]);
    (0..length).map(|_| rng::normal(&mut stream)).collect()
}

/// Within 1e-5 of the largest number, and one rounding of the map's type.
pub(crate) fn assert_close<T: Number>(what: &str, ours: &[T], expected: &[f32]) {
    assert_eq!(ours.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (i, (ours, expected)) in ours.iter().zip(expected).enumerate() {
        let (ours, most) = (ours.value(), T::ROUNDING * expected.abs() + 1e-5 * largest);
        let same = (ours - expected).abs() <= most || (ours.is_nan() && expected.is_nan());
        assert!(same, "{what}[{i}]: {ours} instead of {expected}");
    }
}
