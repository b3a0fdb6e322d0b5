//! Correction of p-values for multiple comparisons.

/// Returns Holm's adjusted p-values (Holm 1979) in the order of `p_values`. NaN values stay NaN and do not count as
/// comparisons.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).filter(|&at| !p_values[at].is_nan()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = p_values.to_vec();
    let mut running_max: f64 = 0.0;
    for (rank, &at) in order.iter().enumerate() {
        running_max = running_max.max((order.len() - rank) as f64 * p_values[at]).min(1.0);
        adjusted[at] = running_max;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjusted_values_match_r() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, expected) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((got - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.7, 0.8]), [1.0, 1.0]);
        assert!(holm(&[f64::NAN, 0.02])[0].is_nan());
        assert_eq!(holm(&[f64::NAN, 0.02])[1], 0.02);
    }
}
