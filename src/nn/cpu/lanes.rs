//! SIMD vectors of f32.
//!
//! The compiler splits arrays of this length into scalars wherever tiles are shuffled, which costs more than the
//! arithmetic. So on x86-64 they are vector registers.

use super::element::Element;
use half::bf16;
use std::ops::{Add, Sub};

/// A vector of one value per lane, here of consecutive channels.
pub(super) trait Lanes: Copy + Add<Output = Self> + Sub<Output = Self> {
    /// Number of lanes.
    const COUNT: usize;

    /// Returns a vector with `value` in every lane.
    fn splat(value: f32) -> Self;

    /// Loads a vector.
    ///
    /// # Safety
    /// `from` is valid for reads of `COUNT` elements.
    unsafe fn load(from: *const f32) -> Self;

    /// Stores the vector.
    ///
    /// # Safety
    /// `to` is valid for writes of `COUNT` elements.
    unsafe fn store(self, to: *mut f32);

    /// Loads a vector of bf16.
    ///
    /// # Safety
    /// `from` is valid for reads of `COUNT` elements.
    unsafe fn load_bf16(from: *const bf16) -> Self;

    /// Stores the vector as bf16, rounded to nearest, ties to even; NaN stays NaN.
    ///
    /// # Safety
    /// `to` is valid for writes of `COUNT` elements.
    unsafe fn store_bf16(self, to: *mut bf16);

    /// Returns `factor * self`.
    fn times(self, factor: f32) -> Self;

    /// Returns `self + factor * other`.
    fn plus(self, factor: f32, other: Self) -> Self;
}

/// F32x4 lanes: an SSE register, which every x86-64 processor has, or an array elsewhere.
#[derive(Clone, Copy)]
pub(super) struct F32x4(Register);

#[cfg(target_arch = "x86_64")]
type Register = std::arch::x86_64::__m128;
#[cfg(not(target_arch = "x86_64"))]
type Register = [f32; 4];

impl Lanes for F32x4 {
    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(bytemuck::cast([value; 4]))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as for the caller.
        Self(bytemuck::cast(unsafe { from.cast::<[f32; 4]>().read() }))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as for the caller.
        unsafe { to.cast::<[f32; 4]>().write(bytemuck::cast(self.0)) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const bf16) -> Self {
        // SAFETY: as for the caller.
        let values = unsafe { from.cast::<[bf16; 4]>().read() };
        Self(bytemuck::cast(values.map(bf16::widen)))
    }

    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut bf16) {
        let values: [f32; 4] = bytemuck::cast(self.0);
        // SAFETY: as for the caller.
        unsafe { to.cast::<[bf16; 4]>().write(values.map(bf16::narrow)) }
    }

    #[inline(always)]
    fn times(self, factor: f32) -> Self {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: SSE is part of x86-64.
        return Self(unsafe { std::arch::x86_64::_mm_mul_ps(self.0, Self::splat(factor).0) });
        #[cfg(not(target_arch = "x86_64"))]
        return Self(self.0.map(|value| factor * value));
    }

    #[inline(always)]
    fn plus(self, factor: f32, other: Self) -> Self {
        self + other.times(factor)
    }
}

impl Add for F32x4 {
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

impl Sub for F32x4 {
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
pub(super) use avx::F32x8;

#[cfg(target_arch = "x86_64")]
mod avx {
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

    /// F32x8 lanes: an AVX register.
    #[derive(Clone, Copy)]
    pub(in crate::nn::cpu) struct F32x8(__m256);

    impl F32x8 {
        /// Whether this processor has AVX2 and FMA.
        #[inline]
        pub(in crate::nn::cpu) fn available() -> bool {
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
        }
    }

    // SAFETY of every block below: these functions run only inside `transform::with_avx`, hence if `available`.
    impl Lanes for F32x8 {
        const COUNT: usize = 8;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_set1_ps(value) })
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: see above, and as for the caller.
            Self(unsafe { _mm256_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: see above, and as for the caller.
            unsafe { _mm256_storeu_ps(to, self.0) }
        }

        #[inline(always)]
        unsafe fn load_bf16(from: *const bf16) -> Self {
            // SAFETY: see above, and as for the caller.
            unsafe {
                let bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
                Self(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits)))
            }
        }

        // As `bf16::narrow`.
        #[inline(always)]
        unsafe fn store_bf16(self, to: *mut bf16) {
            // SAFETY: see above, and as for the caller.
            unsafe {
                let bits = _mm256_castps_si256(self.0);
                let odd = _mm256_and_si256(_mm256_srli_epi32::<16>(bits), _mm256_set1_epi32(1));
                let rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF)));
                let kept = _mm256_or_si256(bits, _mm256_set1_epi32(0x0040_0000));
                let nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0));
                let high = _mm256_srli_epi32::<16>(_mm256_blendv_epi8(rounded, kept, nan));
                // Packing works on each 128-bit half: the result is in the first and third quarter.
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

    impl Add for F32x8 {
        type Output = Self;

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
    }

    impl Sub for F32x8 {
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
        let mut values: Vec<f32> = patterns.map(f32::from_bits).collect();
        values.resize(values.len().next_multiple_of(L::COUNT), 0.0);
        let (mut narrow, mut wide) = (vec![bf16::ZERO; L::COUNT], vec![0.0; L::COUNT]);
        for chunk in values.chunks_exact(L::COUNT) {
            // SAFETY: every slice has `COUNT` elements, and the caller has checked that the processor has these
            // vectors.
            unsafe {
                L::load(chunk.as_ptr()).store_bf16(narrow.as_mut_ptr());
                L::load_bf16(narrow.as_ptr()).store(wide.as_mut_ptr());
            }
            for ((value, narrow), wide) in chunk.iter().zip(&narrow).zip(&wide) {
                assert_eq!(narrow.to_bits(), bf16::narrow(*value).to_bits(), "{value}");
                assert_eq!(wide.to_bits(), narrow.widen().to_bits(), "{value}");
            }
        }
    }

    #[test]
    fn vectors_are_rounded_like_scalars() {
        check::<F32x4>();
        #[cfg(target_arch = "x86_64")]
        if F32x8::available() {
            check::<F32x8>();
        }
    }
}
