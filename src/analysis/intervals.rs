//! Confidence intervals of 95 %.

use crate::analysis::student;

/// The standard normal distribution has 95 % of its mass within this of 0.
const NORMAL: f64 = 1.959_963_984_540_054;

/// Wilson's interval for a proportion (Wilson 1927), as (low, high); (0, 1) where nothing was tried.
pub fn wilson_interval(correct: usize, total: usize) -> (f64, f64) {
    if total == 0 {
        return (0.0, 1.0);
    }
    let n = total as f64;
    let p = correct as f64 / n;
    let square = NORMAL * NORMAL / n;
    let center = p + square / 2.0;
    let half = NORMAL * (p * (1.0 - p) / n + square / (4.0 * n)).sqrt();
    (((center - half) / (1.0 + square)).max(0.0), ((center + half) / (1.0 + square)).min(1.0))
}

/// The mean of values measured with different seeds, and the half-width of its interval by Student's t. One value has
/// no known spread: its half-width is NaN; without values both are.
pub fn mean_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, student::quantile(0.05, n - 1.0) * (variance / n).sqrt())
}
