//! Matmul by AMX-BF16: one instruction multiplies two tiles of 16 rows of 64 bytes.

use super::vnni::{Block, PANEL, STEP};
use std::arch::asm;
use std::sync::OnceLock;

/// Rows of the left operand that are multiplied together: two tiles.
pub(super) const ROWS: usize = 32;

/// The operand of `ldtilecfg`: eight tiles of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static CONFIGURATION: Configuration = {
    let (mut row_bytes, mut rows, mut tile) = ([0; 16], [0; 16], 0);
    while tile < 8 {
        (row_bytes[tile], rows[tile]) = (64, 16);
        tile += 1;
    }
    Configuration { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
};

/// Returns whether the processor has AMX-BF16 and the system lets this process use it.
pub(super) fn is_available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| processor_has_tiles() && system_permits())
}

fn processor_has_tiles() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    #[allow(unused_unsafe, reason = "unsafe in older compilers")]
    // SAFETY: every x86-64 processor has the instruction.
    unsafe {
        __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & BF16_AND_TILES == BF16_AND_TILES
    }
}

/// Requests permission for tile data from Linux, which processes must do before they use AMX; it holds for all threads.
#[cfg(target_os = "linux")]
fn system_permits() -> bool {
    const ARCH_PRCTL: isize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let mut answer = ARCH_PRCTL;
    // SAFETY: the call does not access our memory; `syscall` clobbers only `rax`, `rcx` and `r11`.
    unsafe {
        asm!("syscall", inout("rax") answer, in("rdi") REQUEST_PERMISSION, in("rsi") TILE_DATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    answer == 0
}

#[cfg(not(target_os = "linux"))]
fn system_permits() -> bool {
    false
}

/// Computes `output = left * right`, or `output += left * right` if the block accumulates; rows of the output are
/// `stride` apart.
///
/// # Panics
/// The instructions are not available, or the shapes do not match: the left operand must extend to a multiple of
/// `ROWS`.
pub(super) fn multiply(block: &Block<'_>, output: &mut [f32], stride: usize) {
    assert!(is_available());
    let (depth, rows) = (block.right.len() / PANEL, block.rows);
    assert!(depth > 0 && depth.is_multiple_of(STEP) && block.columns <= PANEL);
    assert!(rows == 0 || block.left.len() >= (rows.next_multiple_of(ROWS) - 1) * block.stride + depth);
    // SAFETY: tiles are available, and every processor with tiles supports this configuration.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(readonly, nostack, preserves_flags)) };
    for first in (0..rows).step_by(ROWS) {
        let (output, rows) = (&mut output[first * stride..], ROWS.min(rows - first));
        let left = &block.left[first * block.stride..];
        if rows == ROWS && block.columns == PANEL {
            full_block(left, block.stride, block.right, block.accumulate, output, stride);
        } else {
            partial_block(block, left, rows, output, stride);
        }
    }
    // SAFETY: tiles are available, and their contents are no longer needed.
    unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
}

/// Multiplies a block of fewer rows or columns, through a full one.
fn partial_block(block: &Block<'_>, left: &[half::bf16], rows: usize, output: &mut [f32], stride: usize) {
    let mut product = [0.0; ROWS * PANEL];
    full_block(left, block.stride, block.right, false, &mut product, PANEL);
    for (output, product) in output.chunks_mut(stride).zip(product.chunks_exact(PANEL)).take(rows) {
        for (output, product) in output.iter_mut().zip(product).take(block.columns) {
            *output = if block.accumulate { *output + product } else { *product };
        }
    }
}

/// Multiplies `ROWS` rows and `PANEL` columns in four accumulator tiles; the tiles must be configured.
fn full_block(
    left: &[half::bf16],
    left_stride: usize,
    right: &[half::bf16],
    accumulate: bool,
    output: &mut [f32],
    stride: usize,
) {
    let depth = right.len() / PANEL;
    assert!(depth > 0 && depth.is_multiple_of(STEP));
    assert!(left.len() >= (ROWS - 1) * left_stride + depth);
    assert!(output.len() >= (ROWS - 1) * stride + PANEL);
    let (left_step, step) = (left_stride * 2, stride * 4);
    let (top, output) = (left.as_ptr(), output.as_mut_ptr());
    // SAFETY: tiles are available, as the caller has checked. Loads read 32 rows of `depth` numbers of the left operand
    // and the whole panel of the right one, stores write 32 rows of 32 numbers of the output: all inside the slices, by
    // the asserts. The compiler uses no tiles of its own.
    unsafe {
        asm!(
            "test {accumulate:e}, {accumulate:e}",
            "jz 2f",
            "tileloadd tmm0, [{output} + {step}]",
            "tileloadd tmm1, [{output} + {step} + 64]",
            "tileloadd tmm2, [{lower_output} + {step}]",
            "tileloadd tmm3, [{lower_output} + {step} + 64]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm4, [{top} + {left_step}]",
            "tileloadd tmm6, [{right} + {right_step}]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{right} + {right_step} + 64]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{bottom} + {left_step}]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {top}, 64",
            "add {bottom}, 64",
            "add {right}, 2048",
            "dec {steps}",
            "jnz 3b",
            "tilestored [{output} + {step}], tmm0",
            "tilestored [{output} + {step} + 64], tmm1",
            "tilestored [{lower_output} + {step}], tmm2",
            "tilestored [{lower_output} + {step} + 64], tmm3",
            accumulate = in(reg) u32::from(accumulate),
            output = in(reg) output,
            lower_output = in(reg) output.add(ROWS / 2 * stride),
            step = in(reg) step,
            top = inout(reg) top => _,
            bottom = inout(reg) top.add(ROWS / 2 * left_stride) => _,
            left_step = in(reg) left_step,
            right = inout(reg) right.as_ptr() => _,
            right_step = in(reg) 4 * PANEL,
            steps = inout(reg) depth / STEP => _,
            options(nostack),
        );
    }
}
