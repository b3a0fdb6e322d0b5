//! Student's t distribution, for intervals and p-values.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// From here on the normal distribution is the same to four digits, and does not lose digits for large numbers.
const NORMAL_FROM: f64 = 1e4;

/// The quantile that values are beyond, on both sides together, with probability `level`; `freedom` is positive and need
/// not be a whole number. NaN without freedom.
pub fn quantile(level: f64, freedom: f64) -> f64 {
    let below = 1.0 - level / 2.0;
    if freedom > NORMAL_FROM {
        return Normal::standard().inverse_cdf(below);
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| student.inverse_cdf(below))
}

/// The two-sided p-value of a statistic: how likely one at least as far from 0 is by chance. NaN without freedom.
pub fn p_value(statistic: f64, freedom: f64) -> f64 {
    if freedom > NORMAL_FROM {
        return 2.0 * Normal::standard().sf(statistic.abs());
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::NAN, |student| 2.0 * student.sf(statistic.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.t.ppf(0.975, df) and 2 * scipy.stats.t.sf(2.5, df).
    #[test]
    fn quantiles_and_p_values_are_those_of_scipy() {
        for (freedom, wanted_quantile, wanted_p) in [
            (1.0, 12.706_204_736_174_69, 0.242_237_883_181_686_82),
            (2.0, 4.302_652_729_749_462, 0.129_611_720_221_510_82),
            (3.7, 2.867_520_707_190_719, 0.071_822_022_911_826_78),
            (30.0, 2.042_272_456_301_236_6, 0.018_115_649_068_066_69),
            (9999.0, 1.960_201_263_621_358, 0.012_435_221_140_020_176),
            (f64::INFINITY, 1.959_963_984_540_053_8, 0.012_419_330_651_552_27),
        ] {
            assert!(
                (quantile(0.05, freedom) / wanted_quantile - 1.0).abs() < 1e-6,
                "{freedom}: {}",
                quantile(0.05, freedom)
            );
            assert!((p_value(-2.5, freedom) / wanted_p - 1.0).abs() < 1e-5, "{freedom}: {}", p_value(2.5, freedom));
        }
        assert!(quantile(0.05, 0.0).is_nan() && p_value(1.0, -1.0).is_nan());
    }
}
