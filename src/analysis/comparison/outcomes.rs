//! Which test images an evaluation got right.

use crate::analysis::comparison::spread::{OF_SHARES, OfSeeds, estimate, image_means};
use crate::analysis::wilson_interval;

/// An evaluation that was run with one or several seeds on the same test images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcomes<'a> {
    runs: Vec<(u64, &'a [bool])>,
}

impl<'a> Outcomes<'a> {
    /// Takes each seed with whether each test image was classified correctly, in the order of the test set.
    ///
    /// None where nothing was measured or the numbers of images differ.
    pub fn new(runs: Vec<(u64, &'a [bool])>) -> Option<Self> {
        let images = runs.first()?.1.len();
        let is_whole = images > 0 && runs.iter().all(|(_, correct)| correct.len() == images);
        is_whole.then_some(Self { runs })
    }

    /// Test images.
    pub fn images(&self) -> usize {
        self.runs.first().map_or(0, |(_, correct)| correct.len())
    }

    /// Seeds, in the order given.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + '_ {
        self.runs.iter().map(|(seed, _)| *seed)
    }

    /// Test images classified correctly with this seed, as 1 and 0.
    pub(super) fn of_seed(&self, seed: u64) -> Option<Vec<f64>> {
        let (_, correct) = self.runs.iter().find(|(other, _)| *other == seed)?;
        Some(numbers(correct))
    }

    pub(super) fn rows(&self) -> Vec<Vec<f64>> {
        self.runs.iter().map(|(_, correct)| numbers(correct)).collect()
    }

    /// The mean accuracy and its 95 % interval: over test sets of this size for one seed (Wilson), over test sets and
    /// seeds for several.
    pub fn accuracy(&self) -> (f64, (f64, f64)) {
        if let [(_, correct)] = self.runs.as_slice() {
            let right = correct.iter().filter(|&&right| right).count();
            return (right as f64 / correct.len() as f64, wilson_interval(right, correct.len()));
        }
        let rows = self.rows();
        let seeds: Vec<OfSeeds> = OfSeeds::of(&rows).into_iter().collect();
        let estimate = estimate(&image_means(&rows), &seeds, OF_SHARES);
        (estimate.value, (estimate.interval.0.max(0.0), estimate.interval.1.min(1.0)))
    }
}

fn numbers(correct: &[bool]) -> Vec<f64> {
    correct.iter().map(|&right| f64::from(u8::from(right))).collect()
}
