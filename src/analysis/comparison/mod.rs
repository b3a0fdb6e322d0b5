//! Comparing evaluations: the difference of two accuracies with its 95 % interval and p-value.
//!
//! Evaluations on the same test images are compared image by image, runs with the same seed run by run: what both have
//! in common (hard images, a lucky draw of labels) is not a difference between them. This is the one place that decides
//! whether a difference is more than chance; the report and `simclr compare` only word it.

mod difference;
mod holm;
mod mcnemar;
mod outcomes;
mod spread;

pub use difference::{Difference, Pairing, difference, mean_difference};
pub use holm::holm;
pub use mcnemar::mcnemar;
pub use outcomes::Outcomes;

/// A difference is taken for more than chance where its p-value, corrected for how many were looked at, is below this.
pub const SIGNIFICANT: f64 = 0.05;
