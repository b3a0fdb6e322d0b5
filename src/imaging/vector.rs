//! Inner loops compiled twice, for the oldest processor and for wide vectors.

/// Defines a function that runs with 256-bit vectors where the processor has them (AVX2) and as compiled by default
/// elsewhere. Fused multiply-add stays off and sums are written with a fixed order, so both give the same bits.
macro_rules! vectorized {
    ($(#[$meta:meta])* $vis:vis fn $name:ident $(<$generic:ident: $bound:path>)? ($($argument:ident: $kind:ty),* $(,)?)
     $(-> $result:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
            #[inline(always)]
            fn body $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? $body

            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") {
                #[target_feature(enable = "avx2")]
                fn wide $(<$generic: $bound>)? ($($argument: $kind),*) $(-> $result)? {
                    body($($argument),*)
                }
                // SAFETY: the processor has AVX2, which was asked for just above.
                return unsafe { wide($($argument),*) };
            }
            body($($argument),*)
        }
    };
}

pub(crate) use vectorized;
