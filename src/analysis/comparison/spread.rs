//! How uncertain a mean over seeds and test images is.
//!
//! Seeds and images are two crossed samples: another training run would move all images together, another test set would
//! hold other images for all seeds. The variance of the mean is therefore the sum of that of the images' means and that
//! of the seeds' means, less the part that both contain (the analysis of variance of multi-reader studies; Gallas 2006,
//! doi 10.1016/j.acra.2005.11.030). Neither alone is right: intervals over images take the networks for the only ones,
//! intervals over seeds take the test set for all images there are.

use crate::analysis::student;

/// Two seeds say so little of their spread that it is not corrected for what chance adds to it.
const FEW_SEEDS: usize = 2;

/// Halvings of the range of a p-value.
const BISECTIONS: usize = 40;

/// Images added to those that were seen, so that intervals of few images or of extreme shares keep their coverage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pseudo {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

/// Half an image in each cell of the table of right and wrong (Agresti and Min 2005, doi 10.1002/sim.1781).
pub(super) const OF_DIFFERENCES: Pseudo = Pseudo { count: 2.0, sum: 0.0, squares: 1.0 };
/// Two images right and two wrong (Agresti and Coull 1998, doi 10.1080/00031305.1998.10480550).
pub(super) const OF_SHARES: Pseudo = Pseudo { count: 4.0, sum: 2.0, squares: 2.0 };

/// A mean with its interval and the p-value of its being 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub(super) value: f64,
    pub(super) interval: (f64, f64),
    pub(super) p_value: f64,
}

/// What seeds add to the variance of a mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfSeeds {
    /// Variance of the seeds' means, divided by their number.
    raw: f64,
    /// The same without what chance adds that the images' part contains already.
    net: f64,
    seeds: usize,
}

impl OfSeeds {
    /// From values by seed (rows) and image; none for a single seed, of whose spread nothing is known.
    pub(super) fn of(rows: &[Vec<f64>]) -> Option<Self> {
        let (seeds, images) = (rows.len(), rows.first().map_or(0, Vec::len));
        if seeds < 2 || images < 2 {
            return None;
        }
        let (of_images, of_seeds) = (image_means(rows), seed_means(rows));
        let all = mean(&of_seeds);
        let residual = |(row, of_seed): (&Vec<f64>, &f64)| {
            let value = |(value, of_image): (&f64, &f64)| (value - of_seed - of_image + all).powi(2);
            row.iter().zip(&of_images).map(value).sum::<f64>()
        };
        let residuals: f64 = rows.iter().zip(&of_seeds).map(residual).sum();
        let shared = residuals / ((seeds - 1) * (images - 1)) as f64 / (seeds * images) as f64;
        let raw = of_seeds.iter().map(|value| (value - all).powi(2)).sum::<f64>() / ((seeds - 1) * seeds) as f64;
        Some(Self { raw, net: (raw - shared).max(0.0), seeds })
    }

    fn freedom(&self) -> f64 {
        (self.seeds - 1) as f64
    }

    /// The variance that an interval of the seeds alone is made of.
    fn alone(&self) -> f64 {
        if self.seeds <= FEW_SEEDS { self.raw } else { self.net }
    }
}

/// The mean of images' values, with the spread over images and over seeds; `images` are means over seeds.
pub(super) fn estimate(images: &[f64], seeds: &[OfSeeds], pseudo: Pseudo) -> Estimate {
    let count = images.len() as f64 + pseudo.count;
    let center = (images.iter().sum::<f64>() + pseudo.sum) / count;
    let squares = images.iter().map(|value| value * value).sum::<f64>() + pseudo.squares;
    let of_images = (squares / count - center * center).max(0.0) / count;
    let spread = Spread { of_images, seeds };
    let half = spread.half_width(0.05);
    Estimate { value: mean(images), interval: (center - half, center + half), p_value: spread.p_value(center) }
}

/// The variance of a mean, by where it comes from.
struct Spread<'a> {
    of_images: f64,
    seeds: &'a [OfSeeds],
}

impl Spread<'_> {
    /// Half the width of an interval that leaves out `level` of what could be.
    ///
    /// Student's with Satterthwaite's degrees of freedom, and not narrower than what the parts' own intervals come to
    /// (Graybill and Wang 1980): few seeds understate their spread too often for the first alone. tests/coverage.rs
    /// measures how often the interval holds.
    fn half_width(&self, level: f64) -> f64 {
        let variance = self.of_images + self.seeds.iter().map(|seeds| seeds.net).sum::<f64>();
        let uncertain: f64 = self.seeds.iter().map(|seeds| seeds.raw.powi(2) / seeds.freedom()).sum();
        let freedom = if uncertain > 0.0 { variance.powi(2) / uncertain } else { f64::INFINITY };
        let together = student::quantile(level, freedom) * variance.sqrt();
        let part = |variance: f64, freedom: f64| student::quantile(level, freedom).powi(2) * variance;
        let of_seeds: f64 = self.seeds.iter().map(|seeds| part(seeds.alone(), seeds.freedom())).sum();
        together.max((part(self.of_images, f64::INFINITY) + of_seeds).sqrt())
    }

    /// The level whose interval around `center` just touches 0.
    fn p_value(&self, center: f64) -> f64 {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..BISECTIONS {
            let level = f64::midpoint(low, high);
            if self.half_width(level) > center.abs() { low = level } else { high = level }
        }
        high
    }
}

/// Means over seeds, one for each image.
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
