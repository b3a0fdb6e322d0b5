//! McNemar's test: do two classifiers differ on the same images?

use statrs::distribution::{Binomial, DiscreteCDF};

/// The exact two-sided p-value (McNemar 1947, with the binomial distribution): `first` images are right by the first
/// classifier alone, `second` by the other alone. Images that both have right or both have wrong tell nothing.
pub fn mcnemar(first: usize, second: usize) -> f64 {
    let discordant = (first + second) as u64;
    let Ok(binomial) = Binomial::new(0.5, discordant) else { return f64::NAN };
    (2.0 * binomial.cdf(first.min(second) as u64)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scipy.stats.binomtest(k, n).pvalue
    #[test]
    fn p_values_are_those_of_the_binomial_test() {
        for (first, second, wanted) in [
            (3, 10, 0.092_285_156_25),
            (38, 15, 0.002_190_186_883_892_053_5),
            (0, 1, 1.0),
            (40, 60, 0.056_887_933_640_980_784),
        ] {
            assert!((mcnemar(first, second) - wanted).abs() < 1e-9, "{first} {second}: {}", mcnemar(first, second));
            assert_eq!(mcnemar(first, second), mcnemar(second, first));
        }
        assert_eq!(mcnemar(0, 0), 1.0);
        assert!(mcnemar(400, 600) < 3e-10);
    }
}
