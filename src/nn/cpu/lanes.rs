//! Four numbers that go through the same arithmetic together.
//!
//! The compiler takes arrays of this length apart into single numbers wherever tiles are shuffled, which costs more
//! than the arithmetic. So on x86-64 they are a register of SSE, which every such processor has.

use super::element::Element;
use std::ops::{Add, Sub};

/// How many numbers.
pub(super) const LANES: usize = 4;

#[cfg(target_arch = "x86_64")]
type Register = std::arch::x86_64::__m128;
#[cfg(not(target_arch = "x86_64"))]
type Register = [f32; LANES];

/// One number of each of four channels.
#[derive(Clone, Copy)]
pub(super) struct Lanes(Register);

impl Lanes {
    /// Zeros.
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self::new([0.0; LANES])
    }

    /// These numbers.
    #[inline(always)]
    pub(super) fn new(numbers: [f32; LANES]) -> Self {
        Self(bytemuck::cast(numbers))
    }

    /// As an array.
    #[inline(always)]
    pub(super) fn numbers(self) -> [f32; LANES] {
        bytemuck::cast(self.0)
    }

    /// The numbers from `at`, with zeros after the end.
    #[inline(always)]
    pub(super) fn load<E: Element>(from: &[E], at: usize) -> Self {
        let from = &from[at..];
        match from.first_chunk::<LANES>() {
            Some(numbers) => E::wide_lanes(*numbers),
            None => Self::load_end(from),
        }
    }

    #[cold]
    fn load_end<E: Element>(from: &[E]) -> Self {
        let mut numbers = [E::default(); LANES];
        numbers[..from.len()].copy_from_slice(from);
        E::wide_lanes(numbers)
    }

    /// Writes the numbers from `at` as far as there is room.
    #[inline(always)]
    pub(super) fn store<E: Element>(self, to: &mut [E], at: usize) {
        let to = &mut to[at..];
        match to.first_chunk_mut::<LANES>() {
            Some(to) => *to = E::narrow_lanes(self),
            None => self.store_end(to),
        }
    }

    #[cold]
    fn store_end<E: Element>(self, to: &mut [E]) {
        let numbers = E::narrow_lanes(self);
        let length = to.len();
        to.copy_from_slice(&numbers[..length]);
    }

    /// Half of each.
    #[inline(always)]
    pub(super) fn half(self) -> Self {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64.
        return Self(unsafe { std::arch::x86_64::_mm_mul_ps(self.0, bytemuck::cast([0.5f32; LANES])) });
        #[cfg(not(target_arch = "x86_64"))]
        return Self(self.0.map(|number| 0.5 * number));
    }
}

impl Add for Lanes {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64.
        return Self(unsafe { std::arch::x86_64::_mm_add_ps(self.0, other.0) });
        #[cfg(not(target_arch = "x86_64"))]
        return Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]));
    }
}

impl Sub for Lanes {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64.
        return Self(unsafe { std::arch::x86_64::_mm_sub_ps(self.0, other.0) });
        #[cfg(not(target_arch = "x86_64"))]
        return Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]));
    }
}
