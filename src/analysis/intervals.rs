//! 95 % confidence intervals.

use crate::analysis::student;

/// 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Returns Wilson's interval for a proportion (Wilson 1927) as (low, high); (0, 1) if `total` is 0.
pub fn wilson_interval(correct: usize, total: usize) -> (f64, f64) {
    if total == 0 {
        return (0.0, 1.0);
    }
    let n = total as f64;
    let p = correct as f64 / n;
    let square = Z * Z / n;
    let center = p + square / 2.0;
    let half = Z * (p * (1.0 - p) / n + square / (4.0 * n)).sqrt();
    (((center - half) / (1.0 + square)).max(0.0), ((center + half) / (1.0 + square)).min(1.0))
}

/// Returns the mean of values measured with different seeds and the half-width of its Student's t interval, which is
/// NaN for a single value; without values both are NaN.
pub fn mean_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, student::quantile(0.05, n - 1.0) * (variance / n).sqrt())
}
