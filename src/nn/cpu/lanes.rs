//! Numbers that go through the same arithmetic together.
//!
//! The compiler takes arrays of this length apart into single numbers wherever tiles are shuffled, which costs more
//! than the arithmetic. So on x86-64 they are registers.

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
    use std::arch::x86_64::{
        __m256, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_mul_ps, _mm256_set1_ps, _mm256_storeu_ps,
        _mm256_sub_ps,
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
