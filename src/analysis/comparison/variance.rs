//! The variance of a mean over seeds and test images.
//!
//! Seeds and images are crossed random factors: another training run would change the outcomes of all images together,
//! another test set those of all seeds. The variance of the mean is therefore the variance of the image means plus that
//! of the seed means, minus the component that both contain (the analysis of variance of multi-reader studies; Gallas
//! 2006, doi 10.1016/j.acra.2005.11.030). Neither alone is enough: intervals over images ignore the variation between
//! training runs, intervals over seeds ignore the sampling of the test set.

use crate::analysis::student;

/// Up to this many seeds, their variance is too uncertain to subtract the shared component from it.
const FEW_SEEDS: usize = 2;

/// Bisection steps in the search for a p-value.
const BISECTIONS: usize = 40;

/// Pseudo-observations added to the images, so that intervals keep their coverage for few images and for proportions
/// near 0 or 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct PseudoObservations {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

/// Half an image in each cell of the 2x2 table of outcomes (Agresti and Min 2005, doi 10.1002/sim.1781).
pub(super) const AGRESTI_MIN: PseudoObservations = PseudoObservations { count: 2.0, sum: 0.0, squares: 1.0 };
/// Two correct and two wrong images (Agresti and Coull 1998, doi 10.1080/00031305.1998.10480550).
pub(super) const AGRESTI_COULL: PseudoObservations = PseudoObservations { count: 4.0, sum: 2.0, squares: 2.0 };

/// A mean with its 95 % confidence interval and the p-value of the mean being 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: (f64, f64),
    pub(super) p_value: f64,
}

/// Variance of a mean due to seeds.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeedVariance {
    /// Variance of the seed means divided by their number.
    raw: f64,
    /// The same minus the component that the variance of the image means contains already.
    net: f64,
    seeds: usize,
}

impl SeedVariance {
    /// Estimates the variance from values by seed (rows) and image; `None` for a single seed or image.
    pub(super) fn estimate(rows: &[Vec<f64>]) -> Option<Self> {
        let (seeds, images) = (rows.len(), rows.first().map_or(0, Vec::len));
        if seeds < 2 || images < 2 {
            return None;
        }
        let (image_means, seed_means) = (image_means(rows), seed_means(rows));
        let grand_mean = mean(&seed_means);
        let squared_residuals = |(row, seed_mean): (&Vec<f64>, &f64)| {
            let square = |(value, image_mean): (&f64, &f64)| (value - seed_mean - image_mean + grand_mean).powi(2);
            row.iter().zip(&image_means).map(square).sum::<f64>()
        };
        let residuals: f64 = rows.iter().zip(&seed_means).map(squared_residuals).sum();
        let shared = residuals / ((seeds - 1) * (images - 1)) as f64 / (seeds * images) as f64;
        let raw =
            seed_means.iter().map(|value| (value - grand_mean).powi(2)).sum::<f64>() / ((seeds - 1) * seeds) as f64;
        Some(Self { raw, net: (raw - shared).max(0.0), seeds })
    }

    fn degrees_of_freedom(&self) -> f64 {
        (self.seeds - 1) as f64
    }

    /// Returns the variance for an interval over seeds alone.
    fn seeds_only(&self) -> f64 {
        if self.seeds <= FEW_SEEDS { self.raw } else { self.net }
    }
}

/// Estimates the mean of the values of images, with the variance over images and over seeds; `images` are means over
/// seeds.
pub(super) fn estimate(images: &[f64], seeds: &[SeedVariance], pseudo: PseudoObservations) -> Estimate {
    let count = images.len() as f64 + pseudo.count;
    let center = (images.iter().sum::<f64>() + pseudo.sum) / count;
    let squares = images.iter().map(|value| value * value).sum::<f64>() + pseudo.squares;
    let image_variance = (squares / count - center * center).max(0.0) / count;
    let variance = VarianceComponents { image_variance, seeds };
    let half = variance.half_width(0.05);
    Estimate { value: mean(images), interval: (center - half, center + half), p_value: variance.p_value(center) }
}

/// The components of the variance of a mean.
struct VarianceComponents<'a> {
    image_variance: f64,
    seeds: &'a [SeedVariance],
}

impl VarianceComponents<'_> {
    /// Returns the half-width of the confidence interval with significance level `level`.
    ///
    /// Student's interval with Satterthwaite's degrees of freedom, but at least as wide as the combined intervals of
    /// the components (Graybill and Wang 1980), since few seeds often underestimate their variance. tests/coverage.rs
    /// measures the coverage.
    fn half_width(&self, level: f64) -> f64 {
        let variance = self.image_variance + self.seeds.iter().map(|seeds| seeds.net).sum::<f64>();
        let uncertainty: f64 = self.seeds.iter().map(|seeds| seeds.raw.powi(2) / seeds.degrees_of_freedom()).sum();
        let df = if uncertainty > 0.0 { variance.powi(2) / uncertainty } else { f64::INFINITY };
        let satterthwaite = student::quantile(level, df) * variance.sqrt();
        let squared = |variance: f64, df: f64| student::quantile(level, df).powi(2) * variance;
        let over_seeds = self.seeds.iter().map(|seeds| squared(seeds.seeds_only(), seeds.degrees_of_freedom()));
        satterthwaite.max((squared(self.image_variance, f64::INFINITY) + over_seeds.sum::<f64>()).sqrt())
    }

    /// Returns the significance level at which the interval around `center` just includes 0.
    fn p_value(&self, center: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..BISECTIONS {
            let level = f64::midpoint(low, high);
            if self.half_width(level) > center.abs() { low = level } else { high = level }
        }
        high
    }
}

/// Returns the mean over seeds for each image.
pub(super) fn image_means(rows: &[Vec<f64>]) -> Vec<f64> {
    let images = rows.first().map_or(0, Vec::len);
    (0..images).map(|image| rows.iter().map(|row| row[image]).sum::<f64>() / rows.len() as f64).collect()
}

fn seed_means(rows: &[Vec<f64>]) -> Vec<f64> {
    rows.iter().map(|row| mean(row)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
