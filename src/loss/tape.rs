//! What contrastive losses have in common on dfdx's tape, for any device: similarities, metrics and masks.

use crate::base::{Error, Result};
use crate::nn::Taped;
use dfdx::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt::Display;

/// Minimum norm that vectors are divided by, so that a zero vector has a gradient (the SimCLR code clamps the square at
/// 1e-12).
pub(super) const MIN_NORM: f32 = 1e-6;

/// Added to an excluded similarity: far below any other, but finite, because infinity times 0 is NaN.
const EXCLUDED: f32 = -1e30;

type Matrix<D, T> = Tensor<(usize, usize), f32, D, T>;

/// Similarity of two projections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Cosine similarity.
    #[default]
    Cosine,
    /// Dot product, without normalization.
    Dot,
}

/// Converts an error of dfdx.
pub(super) fn device_error(error: impl Display) -> Error {
    Error::stage(format!("dfdx: {error}")).help("use a smaller batch if the device has run out of memory")
}

/// Checks that the rows of `z` are two views of each image.
pub(super) fn check_pairs<D: Device<f32>>(z: &Taped<D>) -> Result<()> {
    let (rows, width) = *z.shape();
    if rows == 0 || rows % 2 == 1 || width == 0 {
        return Err(Error::bug(format!("the loss needs two views of each image, got a [{rows}, {width}] tensor")));
    }
    Ok(())
}

/// Returns the similarities of all rows of `z`, `[2n, width]`, divided by the temperature, `[2n, 2n]`.
pub(super) fn similarities<D: Device<f32>>(
    z: Taped<D>,
    similarity: Similarity,
    temperature: f64,
) -> std::result::Result<Taped<D>, D::Err> {
    let u = match similarity {
        Similarity::Cosine => normalized_rows(z)?,
        Similarity::Dot => z,
    };
    // [2n, width] x [width, 2n] -> [2n, 2n]. The division makes a separate tensor: dfdx's backward pass panics if one
    // tensor is both operands, and a permuted view is the same tensor.
    let (u, history) = u.split_tape();
    let transposed = u.clone().put_tape(history).try_div(temperature as f32)?.try_permute::<_, Axes2<1, 0>>()?;
    u.retaped::<OwnedTape<f32, D>>().try_matmul(transposed)
}

/// Returns the contrastive accuracy and the mean similarity of the positive pairs, not divided by the temperature.
pub(super) fn metrics<D: Device<f32>>(
    similarities: &Taped<D>,
    temperature: f64,
) -> std::result::Result<(f32, f32), D::Err> {
    let (rows, device) = (similarities.shape().0, similarities.device().clone());
    let similarities = similarities.retaped::<NoneTape>();
    let positives = similarities.clone().try_select::<(usize,), _>(pairs(&device, rows)?)?.as_vec();
    let others = similarities.try_add(diagonal(&device, rows, 0)?)?.try_add(diagonal(&device, rows, rows / 2)?)?;
    let negatives = others.try_max::<(usize,), Axis<1>>()?.as_vec();
    let mean = positives.iter().map(|&s| f64::from(s)).sum::<f64>() / rows as f64;
    Ok((accuracy(&positives, &negatives), (mean * temperature) as f32))
}

/// Returns the fraction of rows whose positive is more similar than every negative.
pub(super) fn accuracy(positives: &[f32], negatives: &[f32]) -> f32 {
    let correct = positives.iter().zip(negatives).filter(|(positive, negative)| positive > negative).count();
    correct as f32 / positives.len() as f32
}

/// Returns the row of the other view of each row's image.
pub(super) fn pairs<D: Device<f32>>(
    device: &D,
    rows: usize,
) -> std::result::Result<Tensor<(usize,), usize, D>, D::Err> {
    device.try_tensor_from_vec((0..rows).map(|row| (row + rows / 2) % rows).collect(), (rows,))
}

/// Scales each row to norm 1.
fn normalized_rows<D: Device<f32>>(z: Taped<D>) -> std::result::Result<Taped<D>, D::Err> {
    let shape = *z.shape();
    let (z, history) = z.split_tape();
    let squares = z.clone().put_tape(history).try_square()?.try_sum::<(usize,), Axis<1>>()?;
    let norms = squares.try_clamp(MIN_NORM * MIN_NORM, f32::MAX)?.try_sqrt()?;
    z.retaped::<OwnedTape<f32, D>>().try_div(norms.try_broadcast_like::<_, Axis<1>>(&shape)?)
}

/// Returns `[rows, rows]` with [`EXCLUDED`] on the diagonals at distance `offset` and 0 elsewhere.
pub(super) fn diagonal<D: Device<f32>>(
    device: &D,
    rows: usize,
    offset: usize,
) -> std::result::Result<Matrix<D, NoneTape>, D::Err> {
    let (shape, offset) = ((rows, rows), offset as isize);
    let upper = |from: isize| device.try_upper_tri_like(&shape, EXCLUDED, from);
    let above = upper(offset)?.try_sub(upper(offset + 1)?)?;
    if offset == 0 {
        return Ok(above);
    }
    above.try_add(upper(-offset)?)?.try_sub(upper(1 - offset)?)
}
