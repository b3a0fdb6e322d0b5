//! NT-Xent composed of dfdx operations, for any device.

use crate::base::{Error, Result};
use crate::loss::cpu::{MIN_NORM, accuracy};
use crate::loss::{NtXentConfig, NtXentOutput, Similarity};
use dfdx::prelude::*;
use std::fmt::Display;

/// Added to an excluded similarity: far below any other, but finite, because infinity times 0 is NaN.
const EXCLUDED: f32 = -1e30;

type Matrix<D, T> = Tensor<(usize, usize), f32, D, T>;

/// Computes [`crate::loss::nt_xent()`] of `z`, `[2n, width]`.
pub(super) fn nt_xent<D: Device<f32>>(
    z: Matrix<D, OwnedTape<f32, D>>,
    config: &NtXentConfig,
) -> Result<NtXentOutput<D>> {
    evaluate(z, config).map_err(device_error)
}

/// Converts an error of dfdx.
pub(super) fn device_error(error: impl Display) -> Error {
    Error::stage(format!("dfdx: {error}")).help("use a smaller batch if the device has run out of memory")
}

fn evaluate<D: Device<f32>>(
    z: Matrix<D, OwnedTape<f32, D>>,
    config: &NtXentConfig,
) -> std::result::Result<NtXentOutput<D>, D::Err> {
    let rows = z.shape().0;
    let device = z.device().clone();
    let u = match config.similarity {
        Similarity::Cosine => normalized_rows(z)?,
        Similarity::Dot => z,
    };
    // [2n, width] x [width, 2n] -> [2n, 2n]. The division makes a separate tensor: dfdx's backward pass panics if one
    // tensor is both operands, and a permuted view is the same tensor.
    let (u, history) = u.split_tape();
    let transposed = u.clone().put_tape(history).try_div(config.temperature as f32)?.try_permute::<_, Axes2<1, 0>>()?;
    let similarity = u.retaped::<OwnedTape<f32, D>>().try_matmul(transposed)?;
    let similarity = similarity.try_add(diagonal(&device, rows, 0)?)?;

    let pairs: Vec<usize> = (0..rows).map(|row| (row + rows / 2) % rows).collect();
    let pairs = device.try_tensor_from_vec(pairs, (rows,))?;
    let positives = similarity.retaped::<NoneTape>().try_select::<(usize,), _>(pairs.clone())?;
    let negatives =
        similarity.retaped::<NoneTape>().try_add(diagonal(&device, rows, rows / 2)?)?.try_max::<(usize,), Axis<1>>()?;
    let positives = positives.as_vec();

    let log_probabilities = similarity.try_log_softmax::<Axis<1>>()?.try_select::<(usize,), _>(pairs)?;
    let mean = positives.iter().map(|&s| f64::from(s)).sum::<f64>() / rows as f64;
    Ok(NtXentOutput {
        loss: log_probabilities.try_mean::<(), _>()?.try_negate()?,
        accuracy: accuracy(&positives, &negatives.as_vec()),
        positive_similarity: (mean * config.temperature) as f32,
    })
}

/// Scales each row to norm 1.
fn normalized_rows<D: Device<f32>>(
    z: Matrix<D, OwnedTape<f32, D>>,
) -> std::result::Result<Matrix<D, OwnedTape<f32, D>>, D::Err> {
    let shape = *z.shape();
    let (z, history) = z.split_tape();
    let squares = z.clone().put_tape(history).try_square()?.try_sum::<(usize,), Axis<1>>()?;
    let norms = squares.try_clamp(MIN_NORM * MIN_NORM, f32::MAX)?.try_sqrt()?;
    z.retaped::<OwnedTape<f32, D>>().try_div(norms.try_broadcast_like::<_, Axis<1>>(&shape)?)
}

/// Returns `[rows, rows]` with [`EXCLUDED`] on the diagonals at distance `offset` and 0 elsewhere.
fn diagonal<D: Device<f32>>(
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use crate::loss;

    fn assert_agreement(rows: usize, width: usize, scale: f32, config: &NtXentConfig) {
        let device = Cpu::default();
        let mut random = rng::stream(1, "test", &[rows as u64]);
        let values = (0..rows * width).map(|_| scale * rng::normal(&mut random)).collect();
        let z: Tensor<(usize, usize), f32, Cpu> = device.tensor_from_vec(values, (rows, width));
        let fused = loss::nt_xent(z.leaky_trace(), config).unwrap();
        let plain = nt_xent(z.leaky_trace(), config).unwrap();
        assert!((fused.loss.array() - plain.loss.array()).abs() < 1e-5 * (1.0 + plain.loss.array()));
        assert_eq!(fused.accuracy, plain.accuracy);
        assert!((fused.positive_similarity - plain.positive_similarity).abs() < 1e-4 * scale * scale);
        let (fused, plain) = (fused.loss.backward().get(&z).as_vec(), plain.loss.backward().get(&z).as_vec());
        let largest = plain.iter().fold(0.0f32, |max, x| max.max(x.abs()));
        for (a, b) in fused.iter().zip(&plain) {
            assert!((a - b).abs() <= 2e-5 * largest, "{a} {b}, largest {largest}");
        }
    }

    #[test]
    fn the_fused_operation_agrees_with_dfdx_operations() {
        for (rows, width, scale) in [(2, 3, 1.0), (8, 4, 1.0), (130, 32, 0.5)] {
            for temperature in [0.1, 0.5, 1.0] {
                for similarity in [Similarity::Cosine, Similarity::Dot] {
                    assert_agreement(rows, width, scale, &NtXentConfig { temperature, similarity });
                }
            }
        }
    }
}
