//! Contrastive losses: what a loss is, and the one of a pipeline file.

use crate::base::Result;
use crate::base::kinds::{declare_enum, declare_examples, match_member};
use crate::loss::*;
use crate::nn::{Taped, TapedScalar};
use dfdx::prelude::Device;

losses! { declare_enum
    /// The contrastive loss.
    pub enum LossConfig;
}

losses! { declare_examples LossConfig }

/// A contrastive loss. Its configuration implements this, in the file of the loss; the file and a line in the list of
/// `loss` are all that it needs. Without a kernel of its own it trains through dfdx's operations.
pub trait ContrastiveLoss {
    /// Returns the display name, such as "NT-Xent".
    fn name(&self) -> &'static str;

    /// Returns the title of an axis, with the unit: "NT-Xent loss (nats)".
    fn title(&self) -> &'static str;

    /// Returns the loss of guessing for a batch of `images` images; none if guessing has no definite loss.
    fn chance(&self, images: usize) -> Option<Chance>;

    /// Computes the loss of `z`, `[2n, width]`, where rows i and i + n are the two views of image i, with dfdx
    /// operations on any dfdx device. Kernels are checked against it.
    ///
    /// # Errors
    /// The number of rows is odd or 0, the width is 0, or the device failed.
    fn plain<D: Device<f32>>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>>;

    /// Computes the same loss in the fastest way that the device has.
    ///
    /// # Errors
    /// As for [`ContrastiveLoss::plain`].
    fn evaluate<D: LossKernels>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>> {
        self.plain(z)
    }

    /// Returns the loss by rows of the similarity matrix, so that ranks can share the rows of a batch. Without it, every
    /// rank computes the loss of the whole batch.
    fn by_rows(&self) -> Option<RowLoss<'_>> {
        None
    }
}

/// A device with the kernels of all losses that have one.
pub trait LossKernels: NtXentKernel {}

impl<D: NtXentKernel> LossKernels for D {}

/// The loss of a batch and its metrics.
#[derive(Debug)]
pub struct ContrastiveOutput<D: Device<f32>> {
    /// The mean loss over the 2n rows.
    pub loss: TapedScalar<D>,
    /// Fraction of rows whose positive is more similar than every negative; a tie counts as wrong, so that a collapsed
    /// network has accuracy 0.
    pub accuracy: f32,
    /// Mean similarity of the positive pairs, not divided by the temperature.
    pub positive_similarity: f32,
}

/// The loss of guessing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    /// The loss.
    pub loss: f64,
    /// How it follows from the number N of images of a batch: "ln(2N − 1)".
    pub formula: &'static str,
}

/// Returns the accuracy of guessing the positive among the other views of a batch of `images` images.
pub(crate) fn chance_accuracy(images: usize) -> f64 {
    1.0 / (2.0 * images as f64 - 1.0)
}

impl ContrastiveLoss for LossConfig {
    fn name(&self) -> &'static str {
        losses!(match_member LossConfig, self, config => config.name())
    }

    fn title(&self) -> &'static str {
        losses!(match_member LossConfig, self, config => config.title())
    }

    fn chance(&self, images: usize) -> Option<Chance> {
        losses!(match_member LossConfig, self, config => config.chance(images))
    }

    fn plain<D: Device<f32>>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>> {
        losses!(match_member LossConfig, self, config => config.plain(z))
    }

    fn evaluate<D: LossKernels>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>> {
        losses!(match_member LossConfig, self, config => config.evaluate(z))
    }

    fn by_rows(&self) -> Option<RowLoss<'_>> {
        losses!(match_member LossConfig, self, config => config.by_rows())
    }
}

impl Default for LossConfig {
    fn default() -> Self {
        Self::NtXent(NtXentConfig::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng;
    use dfdx::prelude::{AsArray, Backward, Cpu, OwnedTape, Tensor, TensorFromVec, Trace};

    fn noise(seed: u64, rows: usize, width: usize, scale: f32) -> Tensor<(usize, usize), f32, Cpu> {
        let mut random = rng::stream(seed, "test", &[rows as u64]);
        let values = (0..rows * width).map(|_| scale * rng::normal(&mut random)).collect();
        Cpu::default().tensor_from_vec(values, (rows, width))
    }

    /// Evaluates a loss; returns its metrics and its gradient with respect to z.
    fn metrics_and_gradient(
        z: &Tensor<(usize, usize), f32, Cpu>,
        loss: impl Fn(Tensor<(usize, usize), f32, Cpu, OwnedTape<f32, Cpu>>) -> Result<ContrastiveOutput<Cpu>>,
    ) -> ([f32; 3], Vec<f32>) {
        let output = loss(z.leaky_trace()).unwrap();
        let metrics = [output.loss.array(), output.accuracy, output.positive_similarity];
        (metrics, output.loss.backward().get(z).as_vec())
    }

    #[test]
    fn every_loss_agrees_with_its_dfdx_operations() {
        for loss in LossConfig::examples() {
            for (rows, width, scale) in [(2, 3, 1.0), (8, 4, 1.0), (130, 32, 0.5)] {
                let z = noise(1, rows, width, scale);
                let (fast, fast_gradient) = metrics_and_gradient(&z, |z| loss.evaluate(z));
                let (plain, plain_gradient) = metrics_and_gradient(&z, |z| loss.plain(z));
                assert!((fast[0] - plain[0]).abs() < 1e-5 * (1.0 + plain[0]), "{loss:?}: {} {}", fast[0], plain[0]);
                assert_eq!(fast[1], plain[1], "{loss:?}");
                assert!((fast[2] - plain[2]).abs() < 1e-4 * scale * scale, "{loss:?}");
                let largest = plain_gradient.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                for (a, b) in fast_gradient.iter().zip(&plain_gradient) {
                    assert!((a - b).abs() <= 2e-5 * largest, "{loss:?}: {a} {b}, largest {largest}");
                }
            }
        }
    }

    #[test]
    fn every_loss_is_named_by_its_key_and_needs_two_views_of_each_image() {
        for loss in LossConfig::examples() {
            let written = serde_json::to_value(&loss).unwrap();
            assert!(written.get(loss.key()).is_some(), "{written}");
            assert!(loss.title().starts_with(loss.name()));
            for rows in [0, 3] {
                assert!(loss.evaluate(noise(2, rows, 3, 1.0).leaky_trace()).is_err(), "{loss:?}");
                assert!(loss.plain(noise(2, rows, 3, 1.0).leaky_trace()).is_err(), "{loss:?}");
            }
        }
    }
}
