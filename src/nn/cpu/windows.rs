//! The windows of a convolution as rows of a matrix (im2col), a block of output pixels at a time, and back.

use super::element::Element;
use crate::nn::Convolution;

/// Copies the windows of output pixels `first..` into `rows`, `[pixels, kernel * kernel * inputs]`; padding is 0.
pub(super) fn gather<E: Element>(shape: &Convolution, input: &[E], first: usize, rows: &mut [E]) {
    for (offset, row) in rows.chunks_exact_mut(shape.window()).enumerate() {
        for (line, part) in row.chunks_exact_mut(shape.kernel * shape.inputs).enumerate() {
            match Line::of(shape, first + offset, line) {
                Some(run) => {
                    let (from, to) = (run.skipped * shape.inputs, (run.skipped + run.length) * shape.inputs);
                    part[..from].fill(E::default());
                    part[from..to].copy_from_slice(&input[run.start..][..to - from]);
                    part[to..].fill(E::default());
                }
                None => part.fill(E::default()),
            }
        }
    }
}

/// The way back: adds each window to the pixels it came from.
pub(super) fn scatter(shape: &Convolution, rows: &[f32], first: usize, input: &mut [f32]) {
    for (offset, row) in rows.chunks_exact(shape.window()).enumerate() {
        for (line, part) in row.chunks_exact(shape.kernel * shape.inputs).enumerate() {
            let Some(run) = Line::of(shape, first + offset, line) else { continue };
            let part = &part[run.skipped * shape.inputs..][..run.length * shape.inputs];
            for (to, from) in input[run.start..].iter_mut().zip(part) {
                *to += from;
            }
        }
    }
}

/// One line of a window as a run of consecutive numbers of the input.
struct Line {
    /// Where in the input the run starts.
    start: usize,
    /// Pixels of the line that lie in the padding on the left.
    skipped: usize,
    /// Pixels inside the image.
    length: usize,
}

impl Line {
    /// The part of line `line` of the window of output pixel `pixel` that is inside the image.
    fn of(shape: &Convolution, pixel: usize, line: usize) -> Option<Self> {
        let side = shape.output_side();
        let (image, y, x) = (pixel / (side * side), pixel / side % side, pixel % side);
        let y = (y * shape.stride + line).checked_sub(shape.padding).filter(|y| *y < shape.side)?;
        let left = x * shape.stride; // in padded coordinates
        let skipped = shape.padding.saturating_sub(left);
        let from = (left + skipped).checked_sub(shape.padding)?;
        let length = shape.kernel.checked_sub(skipped)?.min(shape.side.checked_sub(from)?);
        Some(Self { start: ((image * shape.side + y) * shape.side + from) * shape.inputs, skipped, length })
    }
}
