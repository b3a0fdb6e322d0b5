//! Student's t distribution for intervals and p-values.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Above this many degrees of freedom, the normal distribution agrees to four digits and is numerically more accurate.
const MAX_DF: f64 = 1e4;

/// Returns the two-sided critical value at significance level `level` for `df` degrees of freedom, which need not be an
/// integer. NaN unless `df` is positive.
pub(crate) fn quantile(level: f64, df: f64) -> f64 {
    let probability = 1.0 - level / 2.0;
    if df > MAX_DF {
        return Normal::standard().inverse_cdf(probability);
    }
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |student| student.inverse_cdf(probability))
}

/// Returns the two-sided p-value of a t statistic. NaN unless `df` is positive.
pub(crate) fn p_value(statistic: f64, df: f64) -> f64 {
    if df > MAX_DF {
        return 2.0 * Normal::standard().sf(statistic.abs());
    }
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |student| 2.0 * student.sf(statistic.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.ppf(0.975, df) and 2 * scipy.stats.t.sf(2.5, df).
    #[test]
    fn quantiles_and_p_values_match_scipy() {
        for (df, expected_quantile, expected_p) in [
            (1.0, 12.706_204_736_174_69, 0.242_237_883_181_686_82),
            (2.0, 4.302_652_729_749_462, 0.129_611_720_221_510_82),
            (3.7, 2.867_520_707_190_719, 0.071_822_022_911_826_78),
            (30.0, 2.042_272_456_301_236_6, 0.018_115_649_068_066_69),
            (9999.0, 1.960_201_263_621_358, 0.012_435_221_140_020_176),
            (f64::INFINITY, 1.959_963_984_540_053_8, 0.012_419_330_651_552_27),
        ] {
            assert!((quantile(0.05, df) / expected_quantile - 1.0).abs() < 1e-6, "{df}: {}", quantile(0.05, df));
            assert!((p_value(-2.5, df) / expected_p - 1.0).abs() < 1e-5, "{df}: {}", p_value(2.5, df));
        }
        assert!(quantile(0.05, 0.0).is_nan() && p_value(1.0, -1.0).is_nan());
    }
}
