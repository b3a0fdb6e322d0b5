//! Blocked bf16 matmul with the right operand in VNNI layout (pairs of rows interleaved), independent of the
//! instructions used for a block.

use super::Matrix;
use half::bf16;
use std::cell::RefCell;

/// Columns of a panel of the right operand.
pub(super) const PANEL: usize = 32;
/// Rows of a packed panel are zero-padded to a multiple of this.
pub(super) const STEP: usize = 32;
/// Rows of the left operand that are multiplied with every panel before the next rows are loaded.
const BLOCK_ROWS: usize = 192;
/// Numbers per row in a block, so that a block of rows stays in the L2 cache.
const BLOCK_DEPTH: usize = 512;
/// Rows that are copied together if the left operand is transposed.
const GROUP: usize = 32;

thread_local! {
    static SCRATCH: RefCell<Vec<bf16>> = const { RefCell::new(Vec::new()) };
}

/// The right operand, `[panels, rows / 2, PANEL, 2]`: the numbers of two rows interleaved, zero-padded.
#[derive(Clone, Debug, Default)]
pub(super) struct VnniMatrix {
    rows: usize,
    columns: usize,
    numbers: Vec<bf16>,
}

impl VnniMatrix {
    /// Packs a matrix, reusing the memory.
    pub(super) fn pack(&mut self, right: Matrix<'_, bf16>) {
        let padded = right.rows.next_multiple_of(STEP);
        (self.rows, self.columns) = (right.rows, right.columns);
        self.numbers.clear();
        self.numbers.resize(right.columns.div_ceil(PANEL) * padded * PANEL, bf16::ZERO);
        for (panel, pairs) in self.numbers.chunks_exact_mut((padded * PANEL).max(1)).enumerate() {
            let first = panel * PANEL;
            let columns = PANEL.min(right.columns - first);
            for row in 0..right.rows {
                let to = &mut pairs[row / 2 * 2 * PANEL + row % 2..];
                let from = &right.values[row * right.row_stride + first * right.column_stride..];
                for (to, from) in to.iter_mut().step_by(2).zip(from.iter().step_by(right.column_stride)).take(columns) {
                    *to = *from;
                }
            }
        }
    }

    /// Returns the rows `depth` of a panel.
    fn panel(&self, panel: usize, depth: std::ops::Range<usize>) -> &[bf16] {
        let padded = self.rows.next_multiple_of(STEP);
        let depth = depth.start..depth.end.next_multiple_of(STEP);
        &self.numbers[(panel * padded + depth.start) * PANEL..][..depth.len() * PANEL]
    }
}

/// Rows of the left operand and a panel of the right one.
pub(super) struct Block<'a> {
    /// `[rows, depth]`, rows `stride` apart; `depth` is a multiple of `STEP`.
    pub(super) left: &'a [bf16],
    pub(super) stride: usize,
    pub(super) rows: usize,
    /// `[depth / 2, PANEL, 2]`.
    pub(super) right: &'a [bf16],
    /// Columns of the panel that are not padding.
    pub(super) columns: usize,
    /// Whether the product is added to the output.
    pub(super) accumulate: bool,
}

/// A function that multiplies a block; the last argument is the row stride of the output.
type MultiplyBlock = fn(&Block<'_>, &mut [f32], usize);

/// Computes `output = left * right`, or `output += left * right` if `accumulate`; `multiply_block` takes rows in steps
/// of `step`.
pub(super) fn multiply(
    left: Matrix<'_, bf16>,
    right: &VnniMatrix,
    accumulate: bool,
    output: &mut [f32],
    step: usize,
    multiply_block: MultiplyBlock,
) {
    if left.columns == 0 && !accumulate {
        output.fill(0.0);
    }
    SCRATCH.with_borrow_mut(|scratch| {
        for depth in ranges(left.columns, BLOCK_DEPTH) {
            for rows in ranges(left.rows, BLOCK_ROWS) {
                let (left, stride) = left_rows(left, rows.clone(), depth.clone(), step, scratch);
                for (panel, first) in (0..right.columns).step_by(PANEL).enumerate() {
                    let block = Block {
                        left,
                        stride,
                        rows: rows.len(),
                        right: right.panel(panel, depth.clone()),
                        columns: PANEL.min(right.columns - first),
                        accumulate: accumulate || depth.start > 0,
                    };
                    multiply_block(&block, &mut output[rows.start * right.columns + first..], right.columns);
                }
            }
        }
    });
}

fn ranges(length: usize, step: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..length).step_by(step).map(move |start| start..(start + step).min(length))
}

/// Returns a block of the left operand and its row stride: in place if the instructions can read it there, otherwise a
/// zero-padded copy in `scratch`.
fn left_rows<'a>(
    left: Matrix<'a, bf16>,
    rows: std::ops::Range<usize>,
    depth: std::ops::Range<usize>,
    step: usize,
    scratch: &'a mut Vec<bf16>,
) -> (&'a [bf16], usize) {
    let values = &left.values[rows.start * left.row_stride + depth.start * left.column_stride..];
    if left.column_stride == 1 && depth.len().is_multiple_of(STEP) && rows.len().is_multiple_of(step) {
        return (values, left.row_stride);
    }
    let stride = depth.len().next_multiple_of(STEP);
    scratch.clear();
    scratch.resize(rows.len().next_multiple_of(step) * stride, bf16::ZERO);
    for (group, to) in ranges(rows.len(), GROUP).zip(scratch.chunks_mut(GROUP * stride)) {
        if left.column_stride == 1 {
            for (row, to) in group.zip(to.chunks_mut(stride)) {
                to[..depth.len()].copy_from_slice(&values[row * left.row_stride..][..depth.len()]);
            }
        } else {
            for column in 0..depth.len() {
                let from = values[group.start * left.row_stride + column * left.column_stride..].iter();
                let to = to[column..].iter_mut().step_by(stride);
                to.zip(from.step_by(left.row_stride)).take(group.len()).for_each(|(to, from)| *to = *from);
            }
        }
    }
    (scratch, stride)
}
