//! 95 % intervals of an accuracy: over the pictures of a test set, and over seeds.

/// Two-sided 95 % quantile of the normal distribution.
const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const STUDENT_95: [f64; 30] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484,
    2.0452, 2.0423,
];

/// Wilson's interval of a proportion seen in `total` trials; the whole of `[0, 1]` without trials.
pub(crate) fn wilson(proportion: f64, total: f64) -> (f64, f64) {
    if !(proportion.is_finite() && total > 0.0) {
        return (0.0, 1.0);
    }
    let z2 = NORMAL_95 * NORMAL_95;
    let center = (proportion + z2 / (2.0 * total)) / (1.0 + z2 / total);
    let spread = (proportion * (1.0 - proportion) / total + z2 / (4.0 * total * total)).max(0.0).sqrt();
    let half = NORMAL_95 * spread / (1.0 + z2 / total);
    ((center - half).max(0.0), (center + half).min(1.0))
}

/// Student's interval of the mean, clipped to `[0, 1]`; none for fewer than two values.
pub(crate) fn over_seeds(accuracies: &[f64]) -> Option<(f64, f64)> {
    let count = accuracies.len();
    if count < 2 || accuracies.iter().any(|accuracy| !accuracy.is_finite()) {
        return None;
    }
    let mean = mean(accuracies);
    let variance = accuracies.iter().map(|accuracy| (accuracy - mean).powi(2)).sum::<f64>() / (count - 1) as f64;
    let quantile = STUDENT_95.get(count - 2).copied().unwrap_or(NORMAL_95);
    let half = quantile * (variance / count as f64).sqrt();
    Some(((mean - half).max(0.0), (mean + half).min(1.0)))
}

/// Arithmetic mean; NaN of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_scipy() {
        // scipy.stats.binomtest(132, 250).proportion_ci(0.95, "wilson")
        let (low, high) = wilson(132.0 / 250.0, 250.0);
        assert!((low - 0.466_163).abs() < 1e-5 && (high - 0.588_990).abs() < 1e-5, "{low} {high}");
        assert_eq!(wilson(f64::NAN, 10.0), (0.0, 1.0));
        assert_eq!(wilson(0.5, 0.0), (0.0, 1.0));
    }

    #[test]
    fn student_agrees_with_scipy() {
        // scipy.stats.t.interval(0.95, 2, loc=0.6, scale=scipy.stats.sem([0.58, 0.60, 0.62]))
        let (low, high) = over_seeds(&[0.58, 0.60, 0.62]).unwrap();
        assert!((low - 0.550_317).abs() < 1e-5 && (high - 0.649_683).abs() < 1e-5, "{low} {high}");
        assert_eq!(over_seeds(&[0.5]), None);
    }
}
