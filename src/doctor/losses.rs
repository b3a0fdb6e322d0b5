//! Contrastive losses, compared with dfdx's operations on the CPU.

use super::check::{Comparison, Operation};
use super::numbers;
use crate::base::{Error, Result};
use crate::loss::{ContrastiveLoss, ContrastiveOutput, LossConfig};
use crate::train::Compute;
use dfdx::prelude::*;

const ROWS: usize = 260;
const WIDTH: usize = 128;

pub(super) fn operations<D: Compute>() -> Vec<Operation<D>> {
    let examples = LossConfig::examples();
    let of_one_loss = examples.chunk_by(|a, b| a.key() == b.key()).map(<[LossConfig]>::to_vec);
    let operation = |losses: Vec<LossConfig>| {
        Operation::new(losses[0].name(), move |device: &D, _| compare(device, &losses)).in_32_bits()
    };
    of_one_loss.map(operation).collect()
}

fn compare<D: Compute>(device: &D, losses: &[LossConfig]) -> Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for loss in losses {
        let [actual, actual_gradient] = evaluate(device, |z| loss.evaluate(z))?;
        let [expected, expected_gradient] = evaluate(&Cpu::default(), |z| loss.plain(z))?;
        comparisons.push(Comparison::new("forward", actual, expected));
        comparisons.push(Comparison::new("backward", actual_gradient, expected_gradient));
    }
    Ok(comparisons)
}

/// Returns loss, accuracy and similarity of positives, then the gradient.
fn evaluate<D: Device<f32>>(
    device: &D,
    loss: impl Fn(Tensor<(usize, usize), f32, D, OwnedTape<f32, D>>) -> Result<ContrastiveOutput<D>>,
) -> Result<[Vec<f32>; 2]> {
    let failed = |error: D::Err| Error::stage(format!("dfdx: {error:?}"));
    let z = device.try_tensor_from_vec(numbers("z", ROWS * WIDTH), (ROWS, WIDTH)).map_err(failed)?;
    let output = loss(z.leaky_trace())?;
    let mut values = output.loss.as_vec();
    values.extend([output.accuracy, output.positive_similarity]);
    let gradients = output.loss.try_backward().map_err(failed)?;
    Ok([values, gradients.get(&z).as_vec()])
}
