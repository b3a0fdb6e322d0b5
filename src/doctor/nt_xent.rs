//! NT-Xent.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::{Error, Result};
use crate::loss::{NtXentConfig, NtXentOutput, Similarity, nt_xent, nt_xent_plain};
use crate::train::Compute;
use dfdx::prelude::*;

const ROWS: usize = 260;
const WIDTH: usize = 128;

pub(super) fn operation<D: Compute>() -> Operation<D> {
    Operation::new("NT-Xent", |device: &D, _| compare(device)).in_32_bits()
}

fn compare<D: Compute>(device: &D) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for (similarity, temperature) in [(Similarity::Cosine, 0.1), (Similarity::Dot, 1.0)] {
        let config = NtXentConfig { temperature, similarity };
        let [actual, actual_gradient] = evaluate(device, |z| nt_xent(z, &config))?;
        let [expected, expected_gradient] = evaluate(&Cpu::default(), |z| nt_xent_plain(z, &config))?;
        comparisons.push(Comparison::new("forward", actual, expected));
        comparisons.push(Comparison::new("backward", actual_gradient, expected_gradient));
    }
    Ok(comparisons)
}

/// Returns loss, accuracy and similarity of positives, then the gradient.
fn evaluate<D: Device<f32>>(
    device: &D,
    loss: impl Fn(Tensor<(usize, usize), f32, D, OwnedTape<f32, D>>) -> Result<NtXentOutput<D>>,
) -> Result<[Vec<f32>; 2]> {
    let failed = |error: D::Err| Error::stage(format!("dfdx: {error:?}"));
    let z = device.try_tensor_from_vec(numbers("z", ROWS * WIDTH), (ROWS, WIDTH)).map_err(failed)?;
    let output = loss(z.leaky_trace())?;
    let mut values = output.loss.as_vec();
    values.extend([output.accuracy, output.positive_similarity]);
    let gradients = output.loss.try_backward().map_err(failed)?;
    Ok([values, gradients.get(&z).as_vec()])
}
