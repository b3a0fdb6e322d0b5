//! Per-image outcomes of an evaluation.

use crate::analysis::comparison::variance::{AGRESTI_COULL, SeedVariance, estimate, image_means};
use crate::analysis::wilson_interval;

/// Whether each test image was classified correctly, for one or several seeds on the same test images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes<'a> {
    runs: Vec<(u64, &'a [bool])>,
}

impl<'a> Outcomes<'a> {
    /// Creates outcomes from each seed with whether each test image was classified correctly, in the order of the test
    /// set.
    ///
    /// `None` without seeds or images, or if the numbers of images differ.
    pub fn new(runs: Vec<(u64, &'a [bool])>) -> Option<Self> {
        let images = runs.first()?.1.len();
        let is_whole = images > 0 && runs.iter().all(|(_, correct)| correct.len() == images);
        is_whole.then_some(Self { runs })
    }

    /// Returns the number of test images.
    pub fn images(&self) -> usize {
        self.runs.first().map_or(0, |(_, correct)| correct.len())
    }

    /// Iterates over the seeds, in the order given.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().map(|(seed, _)| *seed)
    }

    /// Returns 1 for each test image classified correctly with this seed, else 0.
    pub(super) fn of_seed(&self, seed: u64) -> Option<Vec<f64>> {
        let (_, correct) = self.runs.iter().find(|(other, _)| *other == seed)?;
        Some(numbers(correct))
    }

    /// Returns 1 for each test image classified correctly, else 0; a row per seed.
    pub(super) fn rows(&self) -> Vec<Vec<f64>> {
        self.runs.iter().map(|(_, correct)| numbers(correct)).collect()
    }

    /// Returns the mean accuracy and its 95 % confidence interval: over test sets of this size for a single seed
    /// (Wilson), over test sets and seeds for several.
    pub fn accuracy(&self) -> (f64, (f64, f64)) {
        if let [(_, correct)] = self.runs.as_slice() {
            let count = correct.iter().filter(|&&correct| correct).count();
            return (count as f64 / correct.len() as f64, wilson_interval(count, correct.len()));
        }
        let rows = self.rows();
        let seeds: Vec<SeedVariance> = SeedVariance::estimate(&rows).into_iter().collect();
        let estimate = estimate(&image_means(&rows), &seeds, AGRESTI_COULL);
        (estimate.value, (estimate.interval.0.max(0.0), estimate.interval.1.min(1.0)))
    }
}

fn numbers(correct: &[bool]) -> Vec<f64> {
    correct.iter().map(|&correct| f64::from(u8::from(correct))).collect()
}
