//! McNemar's test for two classifiers on the same images.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Returns the exact two-sided p-value (McNemar 1947, binomial distribution). `first` images are classified correctly
/// by the first classifier only, `second` by the second only; images on which both agree do not matter.
pub(crate) fn mcnemar(first: usize, second: usize) -> f64 {
    let discordant = (first + second) as u64;
    let Ok(binomial) = Binomial::new(0.5, discordant) else { return f64::NAN };
    (2.0 * binomial.cdf(first.min(second) as u64)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.binomtest(k, n).pvalue
    #[test]
    fn p_values_match_the_binomial_test_of_scipy() {
        for (first, second, expected) in [
            (3, 10, 0.092_285_156_25),
            (38, 15, 0.002_190_186_883_892_053_5),
            (0, 1, 1.0),
            (40, 60, 0.056_887_933_640_980_784),
        ] {
            assert!((mcnemar(first, second) - expected).abs() < 1e-9, "{first} {second}: {}", mcnemar(first, second));
            assert_eq!(mcnemar(first, second), mcnemar(second, first));
        }
        assert_eq!(mcnemar(0, 0), 1.0);
        assert!(mcnemar(400, 600) < 3e-10);
    }
}
