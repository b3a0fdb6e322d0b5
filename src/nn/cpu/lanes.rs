//! Numbers that go through the same arithmetic together.
//!
//! The compiler takes arrays of this length apart into single numbers wherever tiles are shuffled, which costs more
//! than the arithmetic. So on x86-64 they are registers.

use super::element::Element;
use half::bf16;
use std::ops::{Add, Sub};

/// One number of each of some channels.
pub(super) trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> {
    /// How many numbers.
    const COUNT: usize;

    /// The same number everywhere.
    fn all(number: f32) -> Self;

    /// Reads as many numbers.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes as many numbers.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn store(self, to: *mut f32);

    /// Reads as many bfloat16 numbers.
    ///
    /// # Safety
    /// They are there to be read.
    unsafe fn load_half(from: *const bf16) -> Self;

    /// Writes as many bfloat16 numbers, the nearest ones, ties to even; a NaN stays one.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn store_half(self, to: *mut bf16);

    /// The product with one number.
    fn times(self, factor: f32) -> Self;

    /// `self + factor * other`.
    fn plus(self, factor: f32, other: Self) -> Self;
}

/// Four lanes: a register of SSE, which every x86-64 processor has, or an array elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Four(Quadruple);

#[cfg(target_arch = "x86_64")]
type Quadruple = std::arch::x86_64::__m128;
#[cfg(not(target_arch = "x86_64"))]
type Quadruple = [f32; 4];

impl Lanes for Four {
    const COUNT: usize = 4;

    #[inline(always)]
    fn all(number: f32) -> Self {
        Self(bytemuck::cast([number; 4]))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's.
        Self(bytemuck::cast(unsafe { from.cast::<[f32; 4]>().read() }))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's.
        unsafe { to.cast::<[f32; 4]>().write(bytemuck::cast(self.0)) }
    }

    #[inline(always)]
    unsafe fn load_half(from: *const bf16) -> Self {
        // SAFETY: the caller's.
        let numbers = unsafe { from.cast::<[bf16; 4]>().read() };
        Self(bytemuck::cast(numbers.map(bf16::wide)))
    }

    #[inline(always)]
    unsafe fn store_half(self, to: *mut bf16) {
        let numbers: [f32; 4] = bytemuck::cast(self.0);
        // SAFETY: the caller's.
        unsafe { to.cast::<[bf16; 4]>().write(numbers.map(bf16::narrow)) }
    }

    #[inline(always)]
    fn times(self, factor: f32) -> Self {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64.
        return Self(unsafe { std::arch::x86_64::_mm_mul_ps(self.0, Self::all(factor).0) });
        #[cfg(not(target_arch = "x86_64"))]
        return Self(self.0.map(|number| factor * number));
    }

    #[inline(always)]
    fn plus(self, factor: f32, other: Self) -> Self {
        self + other.times(factor)
    }
}

impl Add for Four {
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

impl Sub for Four {
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

#[cfg(target_arch = "x86_64")]
pub(super) use eight::Eight;

#[cfg(target_arch = "x86_64")]
mod eight {
    use super::Lanes;
    use half::bf16;
    use std::arch::x86_64::{
        __m256, _CMP_UNORD_Q, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_si256,
        _mm256_blendv_epi8, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmp_ps,
        _mm256_cvtepu16_epi32, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_packus_epi32,
        _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_srli_epi32,
        _mm256_storeu_ps, _mm256_sub_ps,
    };
    use std::ops::{Add, Sub};

    /// Eight lanes: a register of AVX.
    #[derive(Clone, Copy)]
    pub(in crate::nn::cpu) struct Eight(__m256);

    impl Eight {
        /// Whether this processor has what they need.
        #[inline]
        pub(in crate::nn::cpu) fn available() -> bool {
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
        }
    }

    // SAFETY of every block below: these functions run only inside `transform::wide`, hence where `available`.
    impl Lanes for Eight {
        const COUNT: usize = 8;

        #[inline(always)]
        fn all(number: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_set1_ps(number) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above, and the caller's.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above, and the caller's.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn load_half(from: *const bf16) -> Self {
            // SAFETY: see above, and the caller's.
            unsafe {
                let numbers = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
                Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(numbers)))
            }
        }

        // As `bf16::narrow`.
        #[inline(always)]
        unsafe fn store_half(self, to: *mut bf16) {
            // SAFETY: see above, and the caller's.
            unsafe {
                let bits = _mm256_castps_si256(self.0);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
                let kept = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040_0000));
                let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0));
                let high = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, kept, nan));
                // Packing works in halves of the register: its first and third quarter are the result.
                let packed = _mm256_permute4x64_epi64::<0b1000>(_mm256_packus_epi32(high, high));
                _mm_storeu_si128(to.cast(), _mm256_castsi256_si128(packed));
            }
        }

        #[inline(always)]
        fn times(self, factor: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_mul_ps(self.0, _mm256_set1_ps(factor)) })
        }

        #[inline(always)]
        fn plus(self, factor: f32, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_fmadd_ps(_mm256_set1_ps(factor), other.0, self.0) })
        }
    }

    impl Add for Eight {
        type Output = Self;

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
    }

    impl Sub for Eight {
        type Output = Self;

        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<L: Lanes>() {
        let patterns =
            (0..=u32::from(u16::MAX)).flat_map(|high| [0, 1, 0x7FFF, 0x8000, 0x8001].map(|low| high << 16 | low));
        let mut numbers: Vec<f32> = patterns.map(f32::from_bits).collect();
        numbers.resize(numbers.len().next_multiple_of(L::COUNT), 0.0);
        let (mut halves, mut back) = (vec![bf16::ZERO; L::COUNT], vec![0.0; L::COUNT]);
        for some in numbers.chunks_exact(L::COUNT) {
            // SAFETY: all of these are as many as the lanes, which the caller found to be there.
            unsafe {
                L::load(some.as_ptr()).store_half(halves.as_mut_ptr());
                L::load_half(halves.as_ptr()).store(back.as_mut_ptr());
            }
            for ((number, half), back) in some.iter().zip(&halves).zip(&back) {
                assert_eq!(half.to_bits(), bf16::narrow(*number).to_bits(), "{number}");
                assert_eq!(back.to_bits(), half.wide().to_bits(), "{number}");
            }
        }
    }

    #[test]
    fn halves_are_rounded_as_one_by_one() {
        check::<Four>();
        #[cfg(target_arch = "x86_64")]
        if Eight::available() {
            check::<Eight>();
        }
    }
}
