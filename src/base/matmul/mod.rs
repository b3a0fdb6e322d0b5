//! Single-threaded matmul on top of the `gemm` crate; callers distribute blocks of fixed size over rayon's threads, so
//! that results are bitwise independent of the number of threads. bf16 matmul is in the `bf16` module.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bf16;
#[cfg(target_arch = "x86_64")]
mod vnni;

pub(crate) use bf16::{PackedBf16, gemm_bf16, has_amx};

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A matrix in a slice: element (i, j) is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    values: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Creates a row-major matrix.
    ///
    /// # Panics
    /// The slice is not `rows * columns` long.
    pub(crate) fn new(values: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(values.len(), rows * columns);
        Self { values, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// Returns the transpose, as a view of the same values.
    #[must_use]
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// Returns `count` columns from `first`, as a view of the same values.
    ///
    /// # Panics
    /// The matrix has fewer columns.
    #[must_use]
    pub(crate) fn column_block(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.columns);
        let skipped = (first * self.column_stride).min(self.values.len());
        Self { values: &self.values[skipped..], columns: count, ..self }
    }
}

/// Returns the instruction sets with which this processor multiplies matrices of f32 and of bf16: `f32 fma, bf16 amx`.
/// Processors for which they differ round differently.
pub(crate) fn kernels() -> String {
    format!("f32 {}, bf16 {}", f32_kernel(), bf16::fastest())
}

/// Returns the kernel that the `gemm` crate selects, without its feature for AVX-512.
fn f32_kernel() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    let kernel = if is_x86_feature_detected!("fma") { "fma" } else { "scalar" };
    #[cfg(target_arch = "aarch64")]
    let kernel = "neon";
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let kernel = "scalar";
    kernel
}

/// Returns the FLOP/s that f32 matmul reaches on all of rayon's threads together, measured once per process in about
/// 0.1 s; a MAC counts as two FLOPs.
pub(crate) fn peak_flops() -> f64 {
    static PEAK: OnceLock<f64> = OnceLock::new();
    *PEAK.get_or_init(|| rayon::broadcast(|_| flops_per_thread()).into_iter().sum())
}

fn flops_per_thread() -> f64 {
    /// Three of these matrices stay in a second-level cache.
    const SIDE: usize = 192;
    const MIN_TIME: Duration = Duration::from_millis(100);
    let (left, right) = (vec![1.0f32; SIDE * SIDE], vec![1.0f32; SIDE * SIDE]);
    let mut product = vec![0.0f32; SIDE * SIDE];
    let (start, mut rounds) = (Instant::now(), 0.0);
    while start.elapsed() < MIN_TIME {
        gemm(Matrix::new(&left, SIDE, SIDE), Matrix::new(&right, SIDE, SIDE), false, &mut product);
        rounds += 1.0;
    }
    rounds * 2.0 * (SIDE * SIDE * SIDE) as f64 / start.elapsed().as_secs_f64()
}

/// An element type of [`gemm()`]: `f32` or `f64`.
pub(crate) trait Number: Copy + 'static + sealed::Sealed {
    /// The neutral element of multiplication.
    const ONE: Self;
}

impl Number for f32 {
    const ONE: Self = 1.0;
}

impl Number for f64 {
    const ONE: Self = 1.0;
}

mod sealed {
    pub(crate) trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Computes `output = left * right`, or `output += left * right` if `accumulate`; `output` is row-major
/// `[left.rows, right.columns]`.
///
/// # Panics
/// The shapes do not match.
pub(crate) fn gemm<T: Number>(left: Matrix<'_, T>, right: Matrix<'_, T>, accumulate: bool, output: &mut [T]) {
    assert_eq!(left.columns, right.rows);
    assert_eq!(output.len(), left.rows * right.columns);
    // SAFETY: a `Matrix` stays inside its slice however it is transposed or sliced, the asserts check the three shapes
    // against each other, `T` is one of the types that gemm supports, and `output` overlaps neither operand.
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            output.as_mut_ptr(),
            1,
            right.columns as isize,
            accumulate,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gemm_of_transposed_and_sliced_matrices() {
        let left: Vec<f64> = (0..6).map(f64::from).collect();
        let right: Vec<f64> = (0..12).map(|i| f64::from(i) - 4.0).collect();
        let mut output = vec![1.0; 4];
        gemm(Matrix::new(&left, 3, 2).transposed(), Matrix::new(&right, 3, 4).column_block(1, 2), true, &mut output);
        let element = |i: usize, j: usize| 1.0 + (0..3).map(|k| left[k * 2 + i] * right[k * 4 + j + 1]).sum::<f64>();
        assert_eq!(output, [element(0, 0), element(0, 1), element(1, 0), element(1, 1)]);
    }
}
