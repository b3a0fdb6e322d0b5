//! Inner loops compiled twice: for the baseline x86-64 processor and for AVX2.

/// Defines a function that uses 256-bit vectors if the processor has AVX2, and the default code otherwise. FMA stays
/// off and sums have a fixed order, so both give bitwise identical results.
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
                // SAFETY: the processor has AVX2, as checked above.
                return unsafe { wide($($argument),*) };
            }
            body($($argument),*)
        }
    };
}

pub(crate) use vectorized;
