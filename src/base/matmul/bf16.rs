//! bf16 matmul with f32 accumulation, by the fastest instructions that the processor has.

use super::{Matrix, gemm};
#[cfg(target_arch = "x86_64")]
use super::{amx, avx512, vnni};
use half::bf16;
use std::cell::RefCell;
use std::sync::OnceLock;

thread_local! {
    static WIDENED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// An implementation of bf16 matmul.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bf16Kernel {
    /// Converts to f32 and uses f32 matmul.
    #[default]
    Widened,
    /// AVX512-BF16: dot products of pairs.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AMX-BF16: tile products.
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl Bf16Kernel {
    /// Returns the kernels that this processor supports, fastest first.
    pub(super) fn all() -> &'static [Self] {
        static ALL: OnceLock<Vec<Bf16Kernel>> = OnceLock::new();
        ALL.get_or_init(|| {
            let mut all = Vec::new();
            #[cfg(target_arch = "x86_64")]
            {
                all.extend(amx::is_available().then_some(Self::Amx));
                all.extend(avx512::is_available().then_some(Self::Avx512));
            }
            all.push(Self::Widened);
            all
        })
    }
}

/// Returns the name of this processor's fastest kernel.
pub(super) fn fastest() -> &'static str {
    match Bf16Kernel::all().first() {
        None | Some(Bf16Kernel::Widened) => "as f32",
        #[cfg(target_arch = "x86_64")]
        Some(Bf16Kernel::Avx512) => "avx512bf16",
        #[cfg(target_arch = "x86_64")]
        Some(Bf16Kernel::Amx) => "amx",
    }
}

/// Returns whether the processor has AMX-BF16, whose peak is 16 times as many MACs per cycle as f32 FMA.
pub(crate) fn has_amx() -> bool {
    #[cfg(target_arch = "x86_64")]
    return Bf16Kernel::all().contains(&Bf16Kernel::Amx);
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// The right operand of bf16 matmul, packed once for this processor and reused for many blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct PackedBf16 {
    kernel: Bf16Kernel,
    rows: usize,
    columns: usize,
    #[cfg(target_arch = "x86_64")]
    vnni: vnni::VnniMatrix,
    /// `[rows, columns]`.
    widened: Vec<f32>,
}

impl PackedBf16 {
    /// Packs a matrix.
    #[must_use]
    pub(crate) fn new(right: Matrix<'_, bf16>) -> Self {
        let mut packed = Self::default();
        packed.pack(right);
        packed
    }

    /// Packs another matrix, reusing the memory.
    pub(crate) fn pack(&mut self, right: Matrix<'_, bf16>) {
        self.pack_for(Bf16Kernel::all()[0], right);
    }

    pub(super) fn pack_for(&mut self, kernel: Bf16Kernel, right: Matrix<'_, bf16>) {
        (self.kernel, self.rows, self.columns) = (kernel, right.rows, right.columns);
        match kernel {
            Bf16Kernel::Widened => self.widen(right),
            #[cfg(target_arch = "x86_64")]
            Bf16Kernel::Avx512 | Bf16Kernel::Amx => self.vnni.pack(right),
        }
    }

    fn widen(&mut self, right: Matrix<'_, bf16>) {
        self.widened.clear();
        if right.column_stride == 1 {
            self.widened.extend(
                (0..right.rows).flat_map(|i| &right.values[i * right.row_stride..][..right.columns]).map(to_f32),
            );
        } else {
            let at = |i, j| to_f32(&right.values[i * right.row_stride + j * right.column_stride]);
            self.widened.extend((0..right.rows).flat_map(|i| (0..right.columns).map(move |j| at(i, j))));
        }
    }
}

fn to_f32(number: &bf16) -> f32 {
    f32::from_bits(u32::from(number.to_bits()) << 16)
}

/// Computes `output = left * right`, or `output += left * right` if `accumulate`, on one thread; `output` is row-major
/// `[left.rows, right.columns]`.
///
/// Products are exact and accumulated in f32, in an order and with rounding that depend on the processor: bf16
/// instructions treat subnormal numbers as zero and add in pairs. Results therefore agree between processors to f32
/// precision, not bit for bit.
///
/// # Panics
/// The shapes do not match.
pub(crate) fn gemm_bf16(left: Matrix<'_, bf16>, right: &PackedBf16, accumulate: bool, output: &mut [f32]) {
    assert_eq!(left.columns, right.rows);
    assert_eq!(output.len(), left.rows * right.columns);
    match right.kernel {
        Bf16Kernel::Widened => gemm_widened(left, right, accumulate, output),
        #[cfg(target_arch = "x86_64")]
        Bf16Kernel::Avx512 => vnni::multiply(left, &right.vnni, accumulate, output, 1, avx512::multiply),
        #[cfg(target_arch = "x86_64")]
        Bf16Kernel::Amx => vnni::multiply(left, &right.vnni, accumulate, output, amx::ROWS, amx::multiply),
    }
}

fn gemm_widened(left: Matrix<'_, bf16>, right: &PackedBf16, accumulate: bool, output: &mut [f32]) {
    let last = |count: usize, stride: usize| count.saturating_sub(1) * stride;
    let used = (last(left.rows, left.row_stride) + last(left.columns, left.column_stride) + 1).min(left.values.len());
    WIDENED.with_borrow_mut(|scratch| {
        scratch.clear();
        scratch.extend(left.values[..used].iter().map(to_f32));
        let Matrix { rows, columns, row_stride, column_stride, .. } = left;
        let left = Matrix { values: scratch.as_slice(), rows, columns, row_stride, column_stride };
        gemm(left, Matrix::new(&right.widened, right.rows, right.columns), accumulate, output);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;

    /// (rows, depth, columns): within and across tiles, registers and blocks, odd and even.
    const SHAPES: [[usize; 3]; 10] = [
        [1, 1, 1],
        [3, 2, 5],
        [12, 32, 32],
        [13, 27, 33],
        [31, 33, 31],
        [32, 64, 64],
        [65, 45, 47],
        [195, 96, 16],
        [200, 63, 40],
        [33, 1061, 35],
    ];

    /// bf16 numbers of either sign, with magnitudes that differ by a factor of up to a million.
    fn numbers(count: usize, name: &str) -> Vec<bf16> {
        let mut rng = rng::stream(1, name, &[count as u64]);
        let mut number = || rng::normal(&mut rng) * 2f32.powf(rng::uniform(-10.0, 10.0, &mut rng));
        (0..count).map(|_| bf16::from_f32(number())).collect()
    }

    /// For each element the exact sum, and the sum of absolute terms, which bounds the rounding error.
    fn reference(left: Matrix<'_, bf16>, right: Matrix<'_, bf16>, before: Option<&[f32]>) -> Vec<(f64, f64)> {
        let at = |matrix: Matrix<'_, bf16>, i: usize, j: usize| {
            matrix.values[i * matrix.row_stride + j * matrix.column_stride].to_f64()
        };
        let element = |index: usize| {
            let (i, j) = (index / right.columns, index % right.columns);
            let before = before.map_or(0.0, |before| f64::from(before[index]));
            let terms = (0..left.columns).map(|k| at(left, i, k) * at(right, k, j)).chain([before]);
            terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
        };
        (0..left.rows * right.columns).map(element).collect()
    }

    fn check(kernel: Bf16Kernel, left: Matrix<'_, bf16>, right: Matrix<'_, bf16>) {
        let mut packed = PackedBf16::default();
        packed.pack_for(kernel, right);
        for accumulate in [false, true] {
            let mut output: Vec<f32> = (0..left.rows * right.columns).map(|i| (i % 7) as f32 - 3.0).collect();
            let expected = reference(left, right, accumulate.then_some(&output));
            gemm_bf16(left, &packed, accumulate, &mut output);
            for (i, (found, (sum, size))) in output.iter().zip(expected).enumerate() {
                let error = (f64::from(*found) - sum).abs();
                assert!(error <= 1e-5 * size, "{kernel:?} {left:?} {accumulate} {i}: {found} instead of {sum}");
            }
        }
    }

    fn check_shapes(kernel: Bf16Kernel) {
        if !Bf16Kernel::all().contains(&kernel) {
            println!("skipped: this processor has no {kernel:?}");
            return;
        }
        for [rows, depth, columns] in SHAPES {
            let left = numbers(rows * depth, "left");
            let right = numbers(depth * columns, "right");
            let lefts = [Matrix::new(&left, rows, depth), Matrix::new(&left, depth, rows).transposed()];
            let rights = [Matrix::new(&right, depth, columns), Matrix::new(&right, columns, depth).transposed()];
            for left in lefts {
                rights.iter().for_each(|right| check(kernel, left, *right));
            }
        }
        println!("{kernel:?} passed");
    }

    #[test]
    fn widened_kernel_matches_the_reference() {
        check_shapes(Bf16Kernel::Widened);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn avx512_kernel_matches_the_reference() {
        check_shapes(Bf16Kernel::Avx512);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn amx_kernel_matches_the_reference() {
        check_shapes(Bf16Kernel::Amx);
    }

    #[test]
    fn column_blocks_are_multiplied_and_repacked() {
        let (left, right) = (numbers(40 * 70, "left"), numbers(50 * 90, "right"));
        let (left, right) = (Matrix::new(&left, 40, 70).column_block(11, 50), Matrix::new(&right, 50, 90));
        let mut packed = PackedBf16::new(right);
        let mut output = vec![0.0; 40 * 33];
        let right = right.column_block(57, 33);
        packed.pack(right);
        gemm_bf16(left, &packed, false, &mut output);
        for (found, (sum, size)) in output.iter().zip(reference(left, right, None)) {
            assert!((f64::from(*found) - sum).abs() <= 1e-5 * size, "{found} instead of {sum}");
        }
    }

    /// Padding is zero, not adjacent memory: an infinity times zero would show up as NaN.
    #[test]
    fn edges_do_not_read_beyond_the_matrix() {
        let mut left = vec![bf16::INFINITY; 5 * 40];
        left.chunks_exact_mut(40).for_each(|row| row[..33].fill(bf16::ONE));
        let right = vec![bf16::ONE; 33 * 3];
        for kernel in Bf16Kernel::all() {
            let mut packed = PackedBf16::default();
            packed.pack_for(*kernel, Matrix::new(&right, 33, 3));
            let mut output = vec![0.0; 15];
            gemm_bf16(Matrix::new(&left, 5, 40).column_block(0, 33), &packed, false, &mut output);
            assert_eq!(output, [33.0; 15], "{kernel:?}");
        }
    }

    #[test]
    fn matmul_of_depth_zero_is_zero() {
        for kernel in Bf16Kernel::all() {
            let mut packed = PackedBf16::default();
            packed.pack_for(*kernel, Matrix::new(&[], 0, 3));
            let mut output = vec![5.0; 6];
            gemm_bf16(Matrix::new(&[], 2, 0), &packed, true, &mut output);
            assert_eq!(output, [5.0; 6], "{kernel:?}");
            gemm_bf16(Matrix::new(&[], 2, 0), &packed, false, &mut output);
            assert_eq!(output, [0.0; 6], "{kernel:?}");
        }
    }
}
