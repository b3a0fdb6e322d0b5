//! Confidence intervals of 95 %.

/// The standard normal distribution has 95 % of its mass within this of 0.
const NORMAL: f64 = 1.959_963_984_540_054;

/// The same for Student's t with 1, 2, ... degrees of freedom.
const STUDENT: [f64; 30] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004, 2.262_157, 2.228_139,
    2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905, 2.109_816, 2.100_922, 2.093_024, 2.085_963,
    2.079_614, 2.073_873, 2.068_658, 2.063_899, 2.059_539, 2.055_529, 2.051_831, 2.048_407, 2.045_230, 2.042_272,
];

/// Wilson's interval for a proportion (Wilson 1927), as (low, high); (0, 1) where nothing was tried.
pub fn wilson_interval(correct: usize, total: usize) -> (f64, f64) {
    if total == 0 {
        return (0.0, 1.0);
    }
    let n = total as f64;
    let p = correct as f64 / n;
    let square = NORMAL * NORMAL / n;
    let centre = p + square / 2.0;
    let half = NORMAL * (p * (1.0 - p) / n + square / (4.0 * n)).sqrt();
    (((centre - half) / (1.0 + square)).max(0.0), ((centre + half) / (1.0 + square)).min(1.0))
}

/// The mean of values measured with different seeds, and the half-width of its interval by Student's t. One value has
/// no known spread: its half-width is NaN; without values both are.
pub fn mean_interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, student(values.len().saturating_sub(1)) * (variance / n).sqrt())
}

/// The quantile of Student's t; above the table the first terms of its expansion about the normal one.
fn student(freedom: usize) -> f64 {
    if let Some(quantile) = freedom.checked_sub(1).and_then(|index| STUDENT.get(index)) {
        return *quantile;
    }
    let (z, n) = (NORMAL, freedom as f64);
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}
