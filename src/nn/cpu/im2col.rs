//! im2col and col2im: the windows of a block of output pixels as rows of a matrix, and the inverse with summation.

use super::element::Element;
use crate::nn::Convolution;

/// Copies the windows of output pixels `first..` into `rows`, `[pixels, kernel * kernel * inputs]`; padding is 0.
pub(super) fn im2col<E: Element>(shape: &Convolution, input: &[E], first: usize, rows: &mut [E]) {
    for (offset, row) in rows.chunks_exact_mut(shape.window()).enumerate() {
        for (window_row, part) in row.chunks_exact_mut(shape.kernel * shape.inputs).enumerate() {
            match WindowRow::of(shape, first + offset, window_row) {
                Some(inside) => {
                    let (from, to) = (inside.skipped * shape.inputs, (inside.skipped + inside.length) * shape.inputs);
                    part[..from].fill(E::default());
                    part[from..to].copy_from_slice(&input[inside.start..][..to - from]);
                    part[to..].fill(E::default());
                }
                None => part.fill(E::default()),
            }
        }
    }
}

/// Adds each window to the pixels that [`im2col`] copies it from.
pub(super) fn col2im(shape: &Convolution, rows: &[f32], first: usize, input: &mut [f32]) {
    for (offset, row) in rows.chunks_exact(shape.window()).enumerate() {
        for (window_row, part) in row.chunks_exact(shape.kernel * shape.inputs).enumerate() {
            let Some(inside) = WindowRow::of(shape, first + offset, window_row) else { continue };
            let part = &part[inside.skipped * shape.inputs..][..inside.length * shape.inputs];
            for (to, from) in input[inside.start..].iter_mut().zip(part) {
                *to += from;
            }
        }
    }
}

/// The part of a row of a window inside the image: consecutive elements of the input.
struct WindowRow {
    /// Index of its first element in the input.
    start: usize,
    /// Pixels in the padding on the left.
    skipped: usize,
    /// Pixels inside the image.
    length: usize,
}

impl WindowRow {
    /// Returns row `row` of the window of output pixel `pixel`; `None` if it is all padding.
    fn of(shape: &Convolution, pixel: usize, row: usize) -> Option<Self> {
        let side = shape.output_side();
        let (image, y, x) = (pixel / (side * side), pixel / side % side, pixel % side);
        let y = (y * shape.stride + row).checked_sub(shape.padding).filter(|y| *y < shape.side)?;
        let left = x * shape.stride; // in padded coordinates
        let skipped = shape.padding.saturating_sub(left);
        let from = (left + skipped).checked_sub(shape.padding)?;
        let length = shape.kernel.checked_sub(skipped)?.min(shape.side.checked_sub(from)?);
        Some(Self { start: ((image * shape.side + y) * shape.side + from) * shape.inputs, skipped, length })
    }
}
