//! NT-Xent, the normalized temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, arXiv 2002.05709, equation
//! 1; reference: `objective.py` of google-research/simclr).
//!
//! Each of the 2n projections z has to identify the other view of its image among the 2n - 1 other projections: `loss_i
//! = -log(exp(s(i, pair)) / sum over k != i of exp(s(i, k)))`, where `s` is the similarity divided by the temperature;
//! the loss is the mean over all 2n. The softmax subtracts the maximum, so neither a small temperature nor a large dot
//! product overflows. A vector with a norm below 1e-6 is divided by 1e-6, as in the reference.
//!
//! The reference adds the mean over the first views and the mean over the second views, which is twice the mean over
//! all of them: an SGD learning rate tuned for it has to be doubled here for the same step. Optimizers that divide by
//! the gradient's magnitude (Adam, LARS for parameters with a trust ratio) are not affected.
//!
//! Devices implement it as one operation on the tape with an analytic gradient ([`NtXentKernel`]); [`nt_xent_plain`] is
//! composed of dfdx operations and is the reference that the kernels are tested against.

use crate::base::{Error, Result};
use crate::loss::{NtXentConfig, NtXentKernel, tape};
use crate::nn::{Taped, TapedScalar};
use dfdx::prelude::{Device, HasShape};

/// The loss of a batch and its metrics.
#[derive(Debug)]
pub struct NtXentOutput<D: Device<f32>> {
    /// The mean loss over the 2n rows.
    pub loss: TapedScalar<D>,
    /// Fraction of rows whose positive is more similar than every negative; a tie counts as wrong, so that a collapsed
    /// network has accuracy 0.
    pub accuracy: f32,
    /// Mean similarity of the positive pairs, not divided by the temperature.
    pub positive_similarity: f32,
}

/// Computes NT-Xent of `z`, `[2n, width]`, where rows i and i + n are the two views of image i.
///
/// # Errors
/// The number of rows is odd or 0, the width is 0, or the device failed.
pub fn nt_xent<D: NtXentKernel>(z: Taped<D>, config: &NtXentConfig) -> Result<NtXentOutput<D>> {
    check(&z)?;
    D::nt_xent(z, config)
}

/// Computes the same loss with dfdx operations, slowly, on any dfdx device.
///
/// # Errors
/// As for [`nt_xent`].
pub fn nt_xent_plain<D: Device<f32>>(z: Taped<D>, config: &NtXentConfig) -> Result<NtXentOutput<D>> {
    check(&z)?;
    tape::nt_xent(z, config)
}

fn check<D: Device<f32>>(z: &Taped<D>) -> Result<()> {
    let (rows, width) = *z.shape();
    if rows == 0 || rows % 2 == 1 || width == 0 {
        return Err(Error::bug(format!("NT-Xent needs two views of each image, got a [{rows}, {width}] tensor")));
    }
    Ok(())
}

/// Returns the loss at chance level for a batch of `images` images, where all similarities are equal: ln(2n - 1).
pub fn nt_xent_chance(images: usize) -> f64 {
    (2.0 * images as f64 - 1.0).ln()
}
