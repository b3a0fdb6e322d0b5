//! Comparison of evaluations: the difference between two accuracies with its 95 % confidence interval and p-value.
//!
//! Evaluations on the same test images are paired by image, and with common seeds also by seed, so that shared
//! variation (hard images, a lucky sample of labels) cancels. This is the one place that decides whether a difference
//! is statistically significant; the report and `simclr compare` only present it.

mod difference;
mod holm;
mod mcnemar;
mod outcomes;
mod variance;

pub use difference::{Difference, Pairing, difference, mean_difference};
pub use holm::holm;
pub(crate) use mcnemar::mcnemar;
pub use outcomes::Outcomes;

/// Significance level: a difference is significant if its p-value, corrected for multiple comparisons, is below this.
pub(crate) const SIGNIFICANT: f64 = 0.05;
