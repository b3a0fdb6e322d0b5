//! Matmul by AVX512-BF16: one instruction updates 16 sums by two products each.

use super::vnni::{Block, PANEL};
use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_loadu_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_epi32, _mm512_setzero_ps,
};

/// Numbers in a register.
const LANES: usize = 16;
/// Registers that hold a row of a panel.
const REGISTERS: usize = PANEL / LANES;

/// Returns whether the processor and the system support it.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
}

/// Computes `output = left * right`, or `output += left * right` if the block accumulates; rows of the output are
/// `stride` apart.
///
/// # Panics
/// The instructions are not available, or the shapes do not match.
pub(super) fn multiply(block: &Block<'_>, output: &mut [f32], stride: usize) {
    assert!(is_available());
    let (depth, rows) = (block.right.len() / PANEL, block.rows);
    assert!(depth.is_multiple_of(2) && block.columns <= PANEL);
    assert!(rows == 0 || block.left.len() >= (rows - 1) * block.stride + depth);
    assert!(rows == 0 || output.len() >= (rows - 1) * stride + block.columns);
    let mut first = 0;
    while first < rows {
        // SAFETY: the instructions are available, and the asserts put `depth` numbers of every row of the left operand
        // and `columns` numbers of every row of the output inside their slices; no call takes more rows than are left.
        first += unsafe {
            match rows - first {
                12.. => multiply_rows::<12>(block, first, output, stride),
                8.. => multiply_rows::<8>(block, first, output, stride),
                4.. => multiply_rows::<4>(block, first, output, stride),
                2.. => multiply_rows::<2>(block, first, output, stride),
                _ => multiply_rows::<1>(block, first, output, stride),
            }
        };
    }
}

/// Multiplies `ROWS` rows from `first` and returns `ROWS`: 12 rows fill 24 of the 32 registers with sums.
///
/// # Safety
/// AVX512F and AVX512-BF16 are available; both operands and the output extend as far as the block says.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn multiply_rows<const ROWS: usize>(
    block: &Block<'_>,
    first: usize,
    output: &mut [f32],
    stride: usize,
) -> usize {
    let masks: [u16; REGISTERS] =
        std::array::from_fn(|i| ((1u32 << block.columns.saturating_sub(i * LANES).min(LANES)) - 1) as u16);
    // SAFETY: by the caller's contract; the masks limit loads and stores to `columns` numbers.
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
        *sum = _mm512_dpbf16_ps(*sum, as_bf16(left), as_bf16(*right));
    }
}

#[inline(always)]
fn as_bf16(bits: __m512i) -> __m512bh {
    // SAFETY: both types are 64 bytes, and every bit pattern is valid.
    unsafe { std::mem::transmute::<__m512i, __m512bh>(bits) }
}
