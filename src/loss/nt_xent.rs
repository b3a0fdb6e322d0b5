//! NT-Xent, the normalized temperature-scaled cross-entropy of SimCLR (Chen et al. 2020, arXiv 2002.05709, equation
//! 1; reference: `objective.py` of google-research/simclr).
//!
//! Each of the 2n projected vectors has to find the other view of its own image among the 2n - 1 other vectors:
//! `loss_i = -log(exp(s(i, pair)) / sum over k != i of exp(s(i, k)))`, `s` the similarity divided by the temperature;
//! the loss is the mean over all 2n. Sums of exponentials are taken relative to the largest, so neither a small
//! temperature nor a large dot product overflows. A vector shorter than 1e-6 is divided by 1e-6, as in the reference.
//!
//! The reference adds the mean over the first views and the mean over the second ones, twice the mean over all of them:
//! a learning rate of SGD that was found with it has to be doubled here for the same step. Optimizers that divide by the
//! size of the gradient (Adam, the weights of LARS) are not affected.
//!
//! Devices have it as one operation on the tape with an analytic gradient ([`NtXentKernel`]); [`nt_xent_plain`] is made of
//! dfdx's operations and is the oracle of the first.

use crate::base::{Error, Result};
use crate::loss::{NtXentConfig, NtXentKernel, tape};
use crate::nn::{Taped, TapedScalar};
use dfdx::prelude::{Device, HasShape};

/// The loss of a batch and what is measured with it.
#[derive(Debug)]
pub struct NtXentOutput<D: Device<f32>> {
    /// The mean loss over the 2n rows.
    pub loss: TapedScalar<D>,
    /// Part of the rows whose positive is nearer than each other row; a tie counts against it, so that a collapsed
    /// network has accuracy 0 and not luck.
    pub accuracy: f32,
    /// Mean similarity of the positive pairs, not divided by the temperature.
    pub positive_similarity: f32,
}

/// NT-Xent of `z`, `[2n, width]`, where rows i and i + n are the two views of image i.
///
/// # Errors
/// The number of rows is odd or 0, the width is 0, or the device failed.
pub fn nt_xent<D: NtXentKernel>(z: Taped<D>, config: &NtXentConfig) -> Result<NtXentOutput<D>> {
    check(&z)?;
    D::nt_xent(z, config)
}

/// The same loss, slowly, on any dfdx device.
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

/// The loss of a network that cannot tell the vectors of `images` images apart: ln(2n - 1).
pub fn nt_xent_chance(images: usize) -> f64 {
    (2.0 * images as f64 - 1.0).ln()
}
