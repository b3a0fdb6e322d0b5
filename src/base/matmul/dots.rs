//! Products by AVX512-BF16: one instruction adds 16 sums of two products each.

use super::pairs::{Block, PANEL};
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_epi32, _mm512_setzero_ps,
};

/// Numbers in a register.
const LANES: usize = 16;
/// Registers that hold a row of a panel.
const REGISTERS: usize = PANEL / LANES;

/// Whether the processor and the system have it.
pub(super) fn are_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

/// `output = left * right`, or added to what is there; rows of the output are `stride` apart.
///
/// # Panics
/// The instructions are not available, or the shapes do not fit.
pub(super) fn multiply(block: &Block<'_>, output: &mut [f32], stride: usize) {
    assert!(are_available());
    let (depth, rows) = (block.right.len() / PANEL, block.rows);
    assert!(depth.is_multiple_of(2) && block.columns <= PANEL);
    assert!(rows == 0 || block.left.len() >= (rows - 1) * block.stride + depth);
    assert!(rows == 0 || output.len() >= (rows - 1) * stride + block.columns);
    let mut first = 0;
    while first < rows {
        // SAFETY: the instructions are there, and the asserts put `depth` numbers of every row of the left operand and
        // `columns` numbers of every row of the output inside their slices; no call takes more rows than are left.
        first += unsafe {
            match rows - first {
                12.. => rows_at::<12>(block, first, output, stride),
                8.. => rows_at::<8>(block, first, output, stride),
                4.. => rows_at::<4>(block, first, output, stride),
                2.. => rows_at::<2>(block, first, output, stride),
                _ => rows_at::<1>(block, first, output, stride),
            }
        };
    }
}

/// Multiplies `ROWS` rows from `first` and returns how many these were: 12 rows fill 24 of the 32 registers with sums.
///
/// # Safety
/// AVX512F and AVX512-BF16 are there; both operands and the output reach as far as the block says.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows_at<const ROWS: usize>(block: &Block<'_>, first: usize, output: &mut [f32], stride: usize) -> usize {
    let masks: [u16; REGISTERS] =
        std::array::from_fn(|i| ((1u32 << block.columns.saturating_sub(i * LANES).min(LANES)) - 1) as u16);
    // SAFETY: the caller's; a mask keeps loads and stores to the `columns` numbers that are there.
    unsafe {
        let output = output.as_mut_ptr().add(first * stride);
        let left = block.left.as_ptr().add(first * block.stride);
        let mut sums = [[_mm512_setzero_ps(); REGISTERS]; ROWS];
        if block.accumulate {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = _mm512_maskz_loadu_ps(masks[i], output.wrapping_add(row * stride + i * LANES));
                }
            }
        }
        for (pair, right) in block.right.chunks_exact(2 * PANEL).enumerate() {
            let right: [__m512i; REGISTERS] =
                std::array::from_fn(|i| _mm512_loadu_si512(right.as_ptr().add(2 * i * LANES).cast()));
            for (row, sums) in sums.iter_mut().enumerate() {
                let left = left.add(row * block.stride + 2 * pair).cast::<i32>().read_unaligned();
                add_products(sums, _mm512_set1_epi32(left), &right);
            }
        }
        for (row, sums) in sums.iter().enumerate() {
            for (i, sum) in sums.iter().enumerate() {
                _mm512_mask_storeu_ps(output.wrapping_add(row * stride + i * LANES), masks[i], *sum);
            }
        }
    }
    ROWS
}

#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
fn add_products(sums: &mut [__m512; REGISTERS], left: __m512i, right: &[__m512i; REGISTERS]) {
    for (sum, right) in sums.iter_mut().zip(right) {
        *sum = _mm512_dpbf16_ps(*sum, as_halves(left), as_halves(*right));
    }
}

#[inline(always)]
fn as_halves(bits: __m512i) -> __m512bh {
    // SAFETY: both types are 64 bytes of which every pattern is valid.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
}
