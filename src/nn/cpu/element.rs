//! Element types of feature maps.

use super::lanes::Lanes;
use super::map::Map;
use super::scratch::Scratch;
use crate::base::matmul::{Matrix, PackedBf16, gemm, gemm_bf16, has_amx};
use crate::base::{Error, Result};
use bytemuck::Pod;
use half::bf16;
use std::borrow::Cow;

/// The element type of a feature map; arithmetic is 32-bit.
pub(super) trait Element: Pod + Default + Send + Sync {
    /// Whether this is f32.
    const IS_F32: bool;

    /// A right-hand side, prepared once for the products of many blocks.
    type Rhs<'a>: Send + Sync;

    /// Rounds to nearest, ties to even; NaN stays NaN.
    fn narrow(value: f32) -> Self;
    /// Converts to f32, which is exact.
    fn widen(self) -> f32;
    /// Loads a vector, as [`Element::widen`] does one value.
    ///
    /// # Safety
    /// `from` is valid for reads of `L::COUNT` elements.
    unsafe fn load<L: Lanes>(from: *const Self) -> L;
    /// Stores a vector, as [`Element::narrow`] does one value.
    ///
    /// # Safety
    /// `to` is valid for writes of `L::COUNT` elements.
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self);

    /// Borrows a map of this element type.
    ///
    /// # Errors
    /// The map has the other element type.
    fn of(map: &Map) -> Result<&[Self]>;
    /// Borrows a map of this element type to write it; fails as [`Element::of`] does.
    fn of_mut(map: &mut Map) -> Result<&mut [Self]>;

    /// Whether matmul of this type is so much faster than in f32 that Winograd, with its transforms in f32, does not
    /// pay.
    fn has_fast_matmul() -> bool;
    /// Rounds weights to the precision of this type.
    fn rounded(weights: &[f32]) -> Cow<'_, [f32]>;
    /// Prepares weights `[rows, columns]`, or with `transposed` their transpose, as a right-hand side.
    fn weights(weights: &[f32], rows: usize, columns: usize, transposed: bool) -> Self::Rhs<'_>;
    /// Prepares a slice of a map, `[rows, columns]`, as a right-hand side.
    fn rhs(part: &[Self], rows: usize, columns: usize) -> Self::Rhs<'_>;
    /// Computes `output = left * right`, or adds the product to `output` if `accumulate` is set.
    fn matmul(left: Matrix<'_, Self>, right: &Self::Rhs<'_>, accumulate: bool, output: &mut [f32]);
    /// Calls `work` with a slice of a map in 32 bits and writes the result back. Without `keep`, `work` gets arbitrary
    /// values to overwrite.
    fn with_f32(part: &mut [Self], keep: bool, scratch: &mut Scratch, work: impl FnOnce(&mut [f32]));
}

impl Element for f32 {
    const IS_F32: bool = true;
    type Rhs<'a> = Matrix<'a, f32>;

    fn has_fast_matmul() -> bool {
        false
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: as for the caller.
        unsafe { L::load(from) }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self) {
        // SAFETY: as for the caller.
        unsafe { lanes.store(to) }
    }

    fn of(map: &Map) -> Result<&[Self]> {
        match map {
            Map::F32(values) => Ok(values),
            Map::Bf16(_) => Err(mixed()),
        }
    }

    fn of_mut(map: &mut Map) -> Result<&mut [Self]> {
        match map {
            Map::F32(values) => Ok(values),
            Map::Bf16(_) => Err(mixed()),
        }
    }

    fn rounded(weights: &[f32]) -> Cow<'_, [f32]> {
        Cow::Borrowed(weights)
    }

    fn weights(weights: &[f32], rows: usize, columns: usize, transposed: bool) -> Matrix<'_, f32> {
        let matrix = Matrix::new(weights, rows, columns);
        if transposed { matrix.transposed() } else { matrix }
    }

    fn rhs(part: &[Self], rows: usize, columns: usize) -> Matrix<'_, f32> {
        Matrix::new(part, rows, columns)
    }

    fn matmul(left: Matrix<'_, Self>, right: &Matrix<'_, f32>, accumulate: bool, output: &mut [f32]) {
        gemm(left, *right, accumulate, output);
    }

    fn with_f32(part: &mut [Self], _: bool, _: &mut Scratch, work: impl FnOnce(&mut [f32])) {
        work(part);
    }
}

fn mixed() -> Error {
    Error::bug("an operation got maps of different precisions")
}

impl Element for bf16 {
    const IS_F32: bool = false;
    type Rhs<'a> = PackedBf16;

    fn has_fast_matmul() -> bool {
        has_amx()
    }

    #[inline(always)]
    fn narrow(value: f32) -> Self {
        // A NaN is truncated to its upper half, with the quiet bit set so that it stays one.
        let (bits, nan) = (value.to_bits(), value.is_nan());
        let rounded = bits.wrapping_add(0x7FFF + (bits >> 16 & 1));
        Self::from_bits(((if nan { bits | 0x0040_0000 } else { rounded }) >> 16) as u16)
    }

    #[inline(always)]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }

    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: as for the caller.
        unsafe { L::load_bf16(from) }
    }

    #[inline(always)]
    unsafe fn store<L: Lanes>(lanes: L, to: *mut Self) {
        // SAFETY: as for the caller.
        unsafe { lanes.store_bf16(to) }
    }

    fn of(map: &Map) -> Result<&[Self]> {
        match map {
            Map::Bf16(values) => Ok(values),
            Map::F32(_) => Err(mixed()),
        }
    }

    fn of_mut(map: &mut Map) -> Result<&mut [Self]> {
        match map {
            Map::Bf16(values) => Ok(values),
            Map::F32(_) => Err(mixed()),
        }
    }

    fn rounded(weights: &[f32]) -> Cow<'_, [f32]> {
        Cow::Owned(weights.iter().map(|weight| Self::narrow(*weight).widen()).collect())
    }

    fn weights(weights: &[f32], rows: usize, columns: usize, transposed: bool) -> PackedBf16 {
        let rounded: Vec<Self> = weights.iter().map(|weight| Self::narrow(*weight)).collect();
        let matrix = Matrix::new(&rounded, rows, columns);
        PackedBf16::new(if transposed { matrix.transposed() } else { matrix })
    }

    fn rhs(part: &[Self], rows: usize, columns: usize) -> PackedBf16 {
        PackedBf16::new(Matrix::new(part, rows, columns))
    }

    fn matmul(left: Matrix<'_, Self>, right: &PackedBf16, accumulate: bool, output: &mut [f32]) {
        gemm_bf16(left, right, accumulate, output);
    }

    fn with_f32(part: &mut [Self], keep: bool, scratch: &mut Scratch, work: impl FnOnce(&mut [f32])) {
        scratch.resize(part.len());
        if keep {
            scratch.iter_mut().zip(part.iter()).for_each(|(wide, narrow)| *wide = narrow.widen());
        }
        work(scratch);
        part.iter_mut().zip(scratch.iter()).for_each(|(narrow, wide)| *narrow = Self::narrow(*wide));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_to_nearest_with_ties_to_even() {
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
            assert!(ours.widen() == theirs.to_f32() || value.is_nan());
        }
    }
}
