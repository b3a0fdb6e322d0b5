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
//! Devices implement it as one operation on the tape with an analytic gradient ([`NtXentKernel`]).

pub(super) mod cpu;
#[cfg(feature = "cuda")]
mod cuda;

use crate::base::Result;
use crate::loss::tape;
use crate::loss::{Chance, ContrastiveLoss, ContrastiveOutput, LossKernels, RowLoss, Similarity};
use crate::nn::{Backend, Taped};
use dfdx::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Parameters of NT-Xent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NtXentConfig {
    /// Temperature that similarities are divided by.
    #[serde(default = "NtXentConfig::default_temperature")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub temperature: f64,
    /// Similarity of two projections.
    #[serde(default)]
    pub similarity: Similarity,
}

impl NtXentConfig {
    pub(super) const SUMMARY: &str =
        "NT-Xent, the normalized temperature-scaled cross-entropy (Chen et al. 2020, equation 1).";

    fn default_temperature() -> f64 {
        0.1
    }

    pub(super) fn examples() -> [Self; 2] {
        let dot = Self { temperature: 1.0, similarity: Similarity::Dot };
        [Self::default(), dot]
    }
}

impl Default for NtXentConfig {
    fn default() -> Self {
        Self { temperature: Self::default_temperature(), similarity: Similarity::default() }
    }
}

/// A device that computes NT-Xent and its gradient in one operation.
pub trait NtXentKernel: Backend {
    /// Computes NT-Xent of `z`, `[2n, width]` with n of at least 1, as defined by [`nt_xent()`]. The loss is on the
    /// tape of `z`; its backward pass accumulates into the gradient of `z`.
    ///
    /// # Errors
    /// The device failed.
    fn nt_xent(z: Taped<Self>, config: &NtXentConfig) -> Result<ContrastiveOutput<Self>>;
}

impl ContrastiveLoss for NtXentConfig {
    fn name(&self) -> &'static str {
        "NT-Xent"
    }

    fn title(&self) -> &'static str {
        "NT-Xent loss (nats)"
    }

    fn chance(&self, images: usize) -> Option<Chance> {
        Some(Chance { loss: nt_xent_chance(images), formula: "ln(2N − 1)" })
    }

    fn plain<D: Device<f32>>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>> {
        tape::check_pairs(&z)?;
        on_tape(z, self).map_err(tape::device_error)
    }

    fn evaluate<D: LossKernels>(&self, z: Taped<D>) -> Result<ContrastiveOutput<D>> {
        nt_xent(z, self)
    }

    fn by_rows(&self) -> Option<RowLoss<'_>> {
        let NtXentConfig { temperature, similarity } = *self;
        Some(RowLoss { temperature, similarity, value: &row_value, gradient: &row_gradient })
    }
}

/// Returns the loss of row `own` of the similarities, and the logarithm of its sum of exponentials.
fn row_value(row: &[f32], own: usize) -> [f32; 2] {
    let pair = (own + row.len() / 2) % row.len();
    let others = || row.iter().enumerate().filter(|(column, _)| *column != own).map(|(_, s)| *s);
    let max = others().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = max + others().map(|s| (s - max).exp()).sum::<f32>().ln();
    [log_sum - row[pair], log_sum]
}

/// Turns row `own` of the similarities into `p + p' - 2 pairs`, by the logarithms of the sums of all rows: similarities
/// are symmetric, so the row has what the gradient needs of its column.
fn row_gradient(row: &mut [f32], own: usize, log_sums: &[f32]) {
    let pair = (own + row.len() / 2) % row.len();
    let of_row = log_sums[own];
    for (s, of_column) in row.iter_mut().zip(log_sums) {
        *s = (*s - of_row).exp() + (*s - of_column).exp();
    }
    row[own] = 0.0;
    row[pair] -= 2.0;
}

/// Computes NT-Xent of `z`, `[2n, width]`, where rows i and i + n are the two views of image i.
///
/// # Errors
/// The number of rows is odd or 0, the width is 0, or the device failed.
pub fn nt_xent<D: NtXentKernel>(z: Taped<D>, config: &NtXentConfig) -> Result<ContrastiveOutput<D>> {
    tape::check_pairs(&z)?;
    D::nt_xent(z, config)
}

/// Returns the loss at chance level for a batch of `images` images, where all similarities are equal: ln(2n - 1).
pub fn nt_xent_chance(images: usize) -> f64 {
    (2.0 * images as f64 - 1.0).ln()
}

/// Computes NT-Xent with dfdx operations.
fn on_tape<D: Device<f32>>(z: Taped<D>, config: &NtXentConfig) -> std::result::Result<ContrastiveOutput<D>, D::Err> {
    let (rows, device) = (z.shape().0, z.device().clone());
    let similarities = tape::similarities(z, config.similarity, config.temperature)?;
    let similarities = similarities.try_add(tape::diagonal(&device, rows, 0)?)?;
    let (accuracy, positive_similarity) = tape::metrics(&similarities, config.temperature)?;
    let pairs = tape::pairs(&device, rows)?;
    let log_probabilities = similarities.try_log_softmax::<Axis<1>>()?.try_select::<(usize,), _>(pairs)?;
    let loss = log_probabilities.try_mean::<(), _>()?.try_negate()?;
    Ok(ContrastiveOutput { loss, accuracy, positive_similarity })
}
