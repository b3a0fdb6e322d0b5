//! Results that differ in their seed alone, taken together.

use crate::analysis::{mean_interval, wilson_interval};
use crate::render::data::{EvaluationKind, EvaluationResult};

/// Fewer seeds than this give an interval too wide to draw.
pub(crate) const SEEDS_FOR_INTERVAL: usize = 3;

/// Results that differ in their seed alone; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    /// One result a seed: those that were measured, or all where none was.
    pub(crate) results: Vec<&'a EvaluationResult>,
    /// Seeds whose result is missing.
    pub(crate) missing: usize,
    /// The variant without its seed.
    pub(crate) variant: String,
    /// Mean accuracy.
    pub(crate) mean: f64,
    /// 95 % interval that the size of the test set leaves. Seeds share the pictures, so they do not narrow it.
    pub(crate) over_test: (f64, f64),
    /// 95 % interval over seeds, from two seeds on.
    pub(crate) over_seeds: Option<(f64, f64)>,
}

impl<'a> Group<'a> {
    fn new(all: Vec<&'a EvaluationResult>) -> Self {
        let measured: Vec<_> = all.iter().filter(|result| result.accuracy.is_finite()).copied().collect();
        let missing = all.iter().filter(|result| result.is_missing).count();
        let results = if measured.is_empty() { all } else { measured };
        let accuracies: Vec<f64> = results.iter().map(|result| result.accuracy).collect();
        let mean = mean(&accuracies);
        let over_test = match results.as_slice() {
            [single] => single.interval,
            _ => over_test(mean, &results),
        };
        let variant = without_seed(&results[0].variant);
        Self { variant, mean, over_test, over_seeds: over_seeds(&accuracies), results, missing }
    }

    /// What the results have in common.
    pub(crate) fn first(&self) -> &'a EvaluationResult {
        self.results[0]
    }

    /// The interval to draw and to judge by: over the test set, widened to that over seeds where there are enough.
    pub(crate) fn interval(&self) -> (f64, f64) {
        let (low, high) = if self.mean.is_finite() { self.over_test } else { (f64::NAN, f64::NAN) };
        match self.over_seeds.filter(|_| self.results.len() >= SEEDS_FOR_INTERVAL) {
            Some((seeds_low, seeds_high)) => (low.min(seeds_low), high.max(seeds_high)),
            None => (low, high),
        }
    }

    /// Confusion summed over seeds; empty if they disagree in shape.
    pub(crate) fn confusion(&self) -> Vec<Vec<usize>> {
        let mut sum = self.first().confusion.clone();
        for result in &self.results[1..] {
            if !same_shape(&sum, &result.confusion) {
                return Vec::new();
            }
            for (row, other) in sum.iter_mut().zip(&result.confusion) {
                row.iter_mut().zip(other).for_each(|(cell, more)| *cell += more);
            }
        }
        sum
    }
}

/// Wilson's interval at a mean accuracy, for as many pictures as one test set has.
fn over_test(mean: f64, results: &[&EvaluationResult]) -> (f64, f64) {
    let pictures = results.iter().map(|result| result.total).sum::<usize>() / results.len().max(1);
    if mean.is_finite() { wilson_interval((mean * pictures as f64).round() as usize, pictures) } else { (0.0, 1.0) }
}

/// Student's interval of the mean, clipped to `[0, 1]`; none for fewer than two values.
fn over_seeds(accuracies: &[f64]) -> Option<(f64, f64)> {
    let (mean, half) = mean_interval(accuracies);
    let interval = ((mean - half).max(0.0), (mean + half).min(1.0));
    (accuracies.len() > 1 && half.is_finite()).then_some(interval)
}

/// Arithmetic mean; NaN of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn same_shape(a: &[Vec<usize>], b: &[Vec<usize>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.len() == b.len())
}

/// Groups results by everything but the seed, in the order of their first result.
pub(crate) fn by_seed(results: &[EvaluationResult]) -> Vec<Group<'_>> {
    let mut gathered: Vec<(Key<'_>, Vec<&EvaluationResult>)> = Vec::new();
    for result in results {
        let key = Key::of(result);
        match gathered.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(result),
            None => gathered.push((key, vec![result])),
        }
    }
    gathered.into_iter().map(|(_, members)| Group::new(members)).collect()
}

#[derive(PartialEq)]
struct Key<'a> {
    kind: EvaluationKind,
    stage: &'a str,
    from: Option<&'a str>,
    depth: Option<usize>,
    fraction: u64,
    variant: String,
}

impl<'a> Key<'a> {
    fn of(result: &'a EvaluationResult) -> Self {
        Self {
            kind: result.kind,
            stage: &result.stage,
            from: result.from.as_deref(),
            depth: result.depth,
            fraction: result.fraction.to_bits(),
            variant: without_seed(&result.variant),
        }
    }
}

/// "temperature 0.1, seed 2" without its seed: "temperature 0.1".
pub(crate) fn without_seed(variant: &str) -> String {
    let is_seed = |item: &str| {
        let digits = item.strip_prefix("seed ");
        digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
    };
    variant.split(", ").filter(|item| !is_seed(item)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(variant: &str, accuracy: f64) -> EvaluationResult {
        EvaluationResult { variant: variant.into(), accuracy, total: 100, interval: (0.4, 0.6), ..Default::default() }
    }

    #[test]
    fn only_the_seed_is_averaged_over() {
        let results = [
            result("temperature 0.1, seed 1", 0.5),
            result("temperature 0.5, seed 1", 0.7),
            result("temperature 0.1, seed 2", 0.6),
        ];
        let groups = by_seed(&results);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].variant, "temperature 0.1");
        assert!((groups[0].mean - 0.55).abs() < 1e-12);
        assert!(groups[0].over_seeds.is_some() && groups[1].over_seeds.is_none());
        assert_eq!(groups[1].over_test, (0.4, 0.6));
    }

    #[test]
    fn a_missing_seed_is_counted_and_not_averaged() {
        let missing = |variant| EvaluationResult { is_missing: true, ..result(variant, f64::NAN) };
        let results = [result("seed 1", 0.5), missing("seed 2"), result("seed 3", 0.7), missing("a, seed 1")];
        let groups = by_seed(&results);
        assert!((groups[0].mean - 0.6).abs() < 1e-12);
        assert_eq!((groups[0].results.len(), groups[0].missing), (2, 1));
        assert!(groups[1].mean.is_nan());
        assert_eq!((groups[1].results.len(), groups[1].missing), (1, 1));
    }

    #[test]
    fn a_setting_that_ends_in_seed_stays() {
        assert_eq!(without_seed("seed 3"), "");
        assert_eq!(without_seed("augment seedling, seed 3"), "augment seedling");
        assert_eq!(without_seed("seed none"), "seed none");
    }
}
