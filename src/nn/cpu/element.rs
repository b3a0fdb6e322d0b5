//! What the numbers of feature maps must be able to do.

use super::lanes::Lanes;
use super::map::Map;
use super::scratch::Scratch;
use crate::base::matmul::{Matrix, PackedBf16, multiplies_tiles, multiply, multiply_halves};
use crate::base::{Error, Result};
use bytemuck::Pod;
use half::bf16;
use std::borrow::Cow;

/// A number of a feature map; arithmetic is 32-bit.
pub(super) trait Element: Pod + Default + Send + Sync {
    /// Whether these are 32-bit numbers.
    const IS_SINGLE: bool;

    /// A right factor, made once for the products of many blocks.
    type Right<'a>: Send + Sync;

    /// The nearest number, ties to even; a NaN stays one.
    fn narrow(value: f32) -> Self;
    /// The same number in 32 bits.
    fn wide(self) -> f32;
    /// [`Element::wide`] of some at once.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn load<L: Lanes>(from: *const Self) -> L;
    /// [`Element::narrow`] of some at once.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self);

    /// A map of such numbers.
    fn of(map: &Map) -> Result<&[Self]>;
    /// A map of such numbers, to be written.
    fn of_mut(map: &mut Map) -> Result<&mut [Self]>;

    /// Whether the processor multiplies these numbers so much faster than 32-bit ones that saving products by arithmetic in
    /// 32 bits does not pay.
    fn multiplies_fast() -> bool;
    /// Weights in the precision of maps.
    fn rounded(weights: &[f32]) -> Cow<'_, [f32]>;
    /// Weights `[rows, columns]` as the right factor, or with `transposed` their transpose.
    fn weights(weights: &[f32], rows: usize, columns: usize, transposed: bool) -> Self::Right<'_>;
    /// A part of a map, `[rows, columns]`, as the right factor.
    fn right(part: &[Self], rows: usize, columns: usize) -> Self::Right<'_>;
    /// `output = left * right`, or added to what is there.
    fn multiply(left: Matrix<'_, Self>, right: &Self::Right<'_>, accumulate: bool, output: &mut [f32]);
    /// Calls `work` with the numbers of a part of a map in 32 bits, or with any numbers unless `keep`, and writes what
    /// it leaves.
    fn in_full(part: &mut [Self], keep: bool, scratch: &mut Scratch, work: impl FnOnce(&mut [f32]));
}

impl Element for f32 {
    const IS_SINGLE: bool = true;
    type Right<'a> = Matrix<'a, f32>;

    fn multiplies_fast() -> bool {
        false
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's.
        unsafe { L::load(from) }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self) {
        // SAFETY: the caller's.
        unsafe { lanes.store(to) }
    }

    fn of(map: &Map) -> Result<&[Self]> {
        match map {
            Map::Single(values) => Ok(values),
            Map::Half(_) => Err(mixed()),
        }
    }

    fn of_mut(map: &mut Map) -> Result<&mut [Self]> {
        match map {
            Map::Single(values) => Ok(values),
            Map::Half(_) => Err(mixed()),
        }
    }

    fn rounded(weights: &[f32]) -> Cow<'_, [f32]> {
        Cow::Borrowed(weights)
    }

    fn weights(weights: &[f32], rows: usize, columns: usize, transposed: bool) -> Matrix<'_, f32> {
        let matrix = Matrix::new(weights, rows, columns);
        if transposed { matrix.transposed() } else { matrix }
    }

    fn right(part: &[Self], rows: usize, columns: usize) -> Matrix<'_, f32> {
        Matrix::new(part, rows, columns)
    }

    fn multiply(left: Matrix<'_, Self>, right: &Matrix<'_, f32>, accumulate: bool, output: &mut [f32]) {
        multiply(left, *right, accumulate, output);
    }

    fn in_full(part: &mut [Self], _: bool, _: &mut Scratch, work: impl FnOnce(&mut [f32])) {
        work(part);
    }
}

fn mixed() -> Error {
    Error::bug("an operation got maps of two precisions")
}

impl Element for bf16 {
    const IS_SINGLE: bool = false;
    type Right<'a> = PackedBf16;

    fn multiplies_fast() -> bool {
        multiplies_tiles()
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        // Of a NaN only the upper half is kept, with a bit set that makes it one.
        let (bits, nan) = (value.to_bits(), value.is_nan());
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
        Self::from_bits(((if nan { bits | 0x0040_0000 } else { rounded }) >> 16) as u16)
    }

    #[inline(always)]
    fn wide(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's.
        unsafe { L::load_half(from) }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self) {
        // SAFETY: the caller's.
        unsafe { lanes.store_half(to) }
    }

    fn of(map: &Map) -> Result<&[Self]> {
        match map {
            Map::Half(values) => Ok(values),
            Map::Single(_) => Err(mixed()),
        }
    }

    fn of_mut(map: &mut Map) -> Result<&mut [Self]> {
        match map {
            Map::Half(values) => Ok(values),
            Map::Single(_) => Err(mixed()),
        }
    }

    fn rounded(weights: &[f32]) -> Cow<'_, [f32]> {
        Cow::Owned(weights.iter().map(|weight| Self::narrow(*weight).wide()).collect())
    }

    fn weights(weights: &[f32], rows: usize, columns: usize, transposed: bool) -> PackedBf16 {
        let rounded: Vec<Self> = weights.iter().map(|weight| Self::narrow(*weight)).collect();
        let matrix = Matrix::new(&rounded, rows, columns);
        PackedBf16::new(if transposed { matrix.transposed() } else { matrix })
    }

    fn right(part: &[Self], rows: usize, columns: usize) -> PackedBf16 {
        PackedBf16::new(Matrix::new(part, rows, columns))
    }

    fn multiply(left: Matrix<'_, Self>, right: &PackedBf16, accumulate: bool, output: &mut [f32]) {
        multiply_halves(left, right, accumulate, output);
    }

    fn in_full(part: &mut [Self], keep: bool, scratch: &mut Scratch, work: impl FnOnce(&mut [f32])) {
        scratch.resize(part.len());
        if keep {
            scratch.iter_mut().zip(part.iter()).for_each(|(full, number)| *full = number.wide());
        }
        work(scratch);
        part.iter_mut().zip(scratch.iter()).for_each(|(number, full)| *number = Self::narrow(*full));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_nearest_with_ties_to_even() {
        let mut values: Vec<f32> = (0..=u16::MAX)
            .flat_map(|high| {
                let bits = |low: u32| f32::from_bits(u32::from(high) << 16 | low);
                [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF].map(bits)
            })
            .collect();
        values.extend([f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0]);
        for value in values {
            let (ours, theirs) = (<bf16 as Element>::narrow(value), bf16::from_f32(value));
            assert!(ours.to_bits() == theirs.to_bits(), "{value}: {ours} instead of {theirs}");
            assert!(ours.wide() == theirs.to_f32() || value.is_nan());
        }
    }
}
