//! The difference between two accuracies.

use crate::analysis::comparison::variance::{AGRESTI_MIN, Estimate, SeedVariance, estimate, image_means};
use crate::analysis::comparison::{Outcomes, mcnemar};
use crate::analysis::student;

/// What two evaluations share, so that its variation cancels in their difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Test images and seeds.
    ImagesAndSeeds,
    /// Test images only.
    Images,
    /// Nothing: the test images differ.
    Unpaired,
}

/// The difference between two accuracies, the first minus the second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Estimate, between -1 and 1.
    pub value: f64,
    /// 95 % confidence interval: over test sets for a single seed, over test sets and seeds for several.
    pub interval: (f64, f64),
    /// Two-sided p-value of no difference: McNemar's exact test for a single seed, otherwise from the interval.
    pub p_value: f64,
    /// What the two evaluations share.
    pub pairing: Pairing,
    /// Number of test images, of the smaller test set if they differ.
    pub images: usize,
    /// Number of common seeds, or without common seeds that of the evaluation with fewer.
    pub seeds: usize,
}

/// Returns the difference between two evaluations; `same_images` if on the same images in the same order.
pub fn difference(first: &Outcomes<'_>, second: &Outcomes<'_>, same_images: bool) -> Difference {
    if same_images && first.images() == second.images() {
        return paired(&[(first, second)]);
    }
    let ((a, (a_low, a_high)), (b, (b_low, b_high))) = (first.accuracy(), second.accuracy());
    // Newcombe 1998, method 10, generalized to any intervals of the two accuracies.
    let (below, above) = ((a - a_low).hypot(b_high - b), (a_high - a).hypot(b - b_low));
    let towards_zero = if a >= b { below } else { above };
    Difference {
        value: a - b,
        interval: (a - b - below, a - b + above),
        p_value: student::p_value((a - b) / towards_zero * student::quantile(0.05, f64::INFINITY), f64::INFINITY),
        pairing: Pairing::Unpaired,
        images: first.images().min(second.images()),
        seeds: fewer_seeds(&[(first, second)]),
    }
}

/// Returns the mean of several differences on the same images, such as those of one setting across a sweep over other
/// settings. `None` without pairs, or if the number of images differs or there are no common seeds.
pub fn mean_difference(pairs: &[(&Outcomes<'_>, &Outcomes<'_>)]) -> Option<Difference> {
    let images = pairs.first()?.0.images();
    let is_same = pairs.iter().all(|(a, b)| a.images() == images && b.images() == images);
    (is_same && (pairs.len() == 1 || !common_seeds(pairs).is_empty())).then(|| paired(pairs))
}

fn paired(pairs: &[(&Outcomes<'_>, &Outcomes<'_>)]) -> Difference {
    let seeds = common_seeds(pairs);
    let (estimate, pairing) = match (seeds.is_empty(), pairs) {
        (false, _) => (by_seed(pairs, &seeds), Pairing::ImagesAndSeeds),
        (true, [(first, second), ..]) => (by_image(first, second), Pairing::Images),
        (true, []) => (estimate(&[], &[], AGRESTI_MIN), Pairing::Images),
    };
    let exact_p_value = match (pairs, seeds.as_slice()) {
        ([(first, second)], [seed]) => mcnemar_p_value(first, second, *seed),
        _ => None,
    };
    Difference {
        value: estimate.value,
        interval: (estimate.interval.0.max(-1.0), estimate.interval.1.min(1.0)),
        p_value: exact_p_value.unwrap_or(estimate.p_value),
        pairing,
        images: pairs.first().map_or(0, |(first, _)| first.images()),
        seeds: if seeds.is_empty() { fewer_seeds(pairs) } else { seeds.len() },
    }
}

/// Estimates the difference seed by seed and image by image, averaged over the pairs.
fn by_seed(pairs: &[(&Outcomes<'_>, &Outcomes<'_>)], seeds: &[u64]) -> Estimate {
    let rows: Vec<Vec<f64>> = seeds.iter().map(|seed| image_differences(pairs, *seed)).collect();
    let seed_variances: Vec<SeedVariance> = SeedVariance::estimate(&rows).into_iter().collect();
    estimate(&image_means(&rows), &seed_variances, AGRESTI_MIN)
}

fn image_differences(pairs: &[(&Outcomes<'_>, &Outcomes<'_>)], seed: u64) -> Vec<f64> {
    let differences: Vec<Vec<f64>> = pairs
        .iter()
        .filter_map(|(first, second)| Some(subtract(&first.of_seed(seed)?, &second.of_seed(seed)?)))
        .collect();
    image_means(&differences)
}

/// Estimates the difference image by image; the seeds differ, so each evaluation has its own variance over seeds.
fn by_image(first: &Outcomes<'_>, second: &Outcomes<'_>) -> Estimate {
    let (first, second) = (first.rows(), second.rows());
    let seed_variances: Vec<SeedVariance> =
        [&first, &second].into_iter().filter_map(|rows| SeedVariance::estimate(rows)).collect();
    estimate(&subtract(&image_means(&first), &image_means(&second)), &seed_variances, AGRESTI_MIN)
}

/// Returns the p-value of McNemar's exact test for one seed.
fn mcnemar_p_value(first: &Outcomes<'_>, second: &Outcomes<'_>, seed: u64) -> Option<f64> {
    let differences = subtract(&first.of_seed(seed)?, &second.of_seed(seed)?);
    let count = |sign: f64| differences.iter().filter(|difference| **difference == sign).count();
    Some(mcnemar(count(1.0), count(-1.0)))
}

/// Returns the seeds that all evaluations have.
fn common_seeds(pairs: &[(&Outcomes<'_>, &Outcomes<'_>)]) -> Vec<u64> {
    let Some((first, _)) = pairs.first() else { return Vec::new() };
    let has = |outcomes: &Outcomes<'_>, seed: u64| outcomes.seeds().any(|other| other == seed);
    first.seeds().filter(|&seed| pairs.iter().all(|(a, b)| has(a, seed) && has(b, seed))).collect()
}

fn fewer_seeds(pairs: &[(&Outcomes<'_>, &Outcomes<'_>)]) -> usize {
    pairs.iter().flat_map(|(a, b)| [a.seeds().count(), b.seeds().count()]).min().unwrap_or(0)
}

fn subtract(first: &[f64], second: &[f64]) -> Vec<f64> {
    first.iter().zip(second).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns outcomes with these numbers of images that both, only the first, only the second, or neither classified
    /// correctly.
    fn outcomes(both: usize, first: usize, second: usize, neither: usize) -> (Vec<bool>, Vec<bool>) {
        let cells = [(both, true, true), (first, true, false), (second, false, true), (neither, false, false)];
        let images = || cells.iter().flat_map(|(count, a, b)| std::iter::repeat_n((*a, *b), *count));
        (images().map(|(a, _)| a).collect(), images().map(|(_, b)| b).collect())
    }

    fn evaluation(runs: Vec<(u64, &[bool])>) -> Outcomes<'_> {
        Outcomes::new(runs).unwrap()
    }

    #[test]
    fn one_seed_has_the_interval_of_agresti_and_min_and_mcnemars_test() {
        // 38 versus 15 of 250 images: with half an image added to each cell, 23 / 252 and its Wald interval.
        let (a, b) = outcomes(100, 38, 15, 97);
        let found = difference(&evaluation(vec![(1, &a)]), &evaluation(vec![(1, &b)]), true);
        assert_eq!(found.value, 23.0 / 250.0);
        let (center, half) = (23.0 / 252.0, 1.959_964 * ((54.0 - 23.0f64.powi(2) / 252.0).sqrt() / 252.0));
        assert!((found.interval.0 - (center - half)).abs() < 1e-7, "{:?}", found.interval);
        assert!((found.interval.1 - (center + half)).abs() < 1e-7, "{:?}", found.interval);
        assert!((found.p_value - 0.002_190).abs() < 1e-6, "{}", found.p_value);
        assert_eq!((found.pairing, found.images, found.seeds), (Pairing::ImagesAndSeeds, 250, 1));
    }

    #[test]
    fn different_test_sets_are_compared_by_newcombes_interval() {
        // Newcombe 1998, table II, case (a): 56/70 - 48/80 = 0.2, interval 0.0524 to 0.3339.
        let counted = |correct: usize, all: usize| (0..all).map(|image| image < correct).collect::<Vec<bool>>();
        let (a, b) = (counted(56, 70), counted(48, 80));
        let found = difference(&evaluation(vec![(1, &a)]), &evaluation(vec![(1, &b)]), false);
        assert!((found.interval.0 - 0.0524).abs() < 1e-4 && (found.interval.1 - 0.3339).abs() < 1e-4, "{found:?}");
        assert!(found.p_value < 0.01 && found.p_value > 0.001, "{found:?}");
        assert_eq!((found.pairing, found.images), (Pairing::Unpaired, 70));
    }

    #[test]
    fn an_evaluation_does_not_differ_from_itself() {
        let (a, _) = outcomes(10, 5, 0, 5);
        let found = difference(&evaluation(vec![(1, &a)]), &evaluation(vec![(1, &a)]), true);
        assert_eq!((found.value, found.p_value), (0.0, 1.0));
        assert!(found.interval.0 < 0.0 && found.interval.1 > 0.0);
    }

    #[test]
    fn only_common_seeds_are_paired() {
        let (a, b) = outcomes(10, 5, 1, 4);
        let three = evaluation(vec![(1, &a), (2, &a), (3, &b)]);
        let found = difference(&three, &evaluation(vec![(3, &a), (1, &b)]), true);
        assert_eq!((found.seeds, found.value), (2, 0.0));
        let others = difference(&three, &evaluation(vec![(7, &b), (8, &b)]), true);
        assert_eq!((others.pairing, others.seeds), (Pairing::Images, 2));
        assert!((others.value - 2.0 * 0.2 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn several_settings_are_averaged() {
        let (a, b) = outcomes(100, 40, 10, 50);
        let (first, second) = (evaluation(vec![(1, &a), (2, &a)]), evaluation(vec![(1, &b), (2, &a)]));
        let found = mean_difference(&[(&first, &second), (&first, &first)]).unwrap();
        assert!((found.value - 0.15 / 4.0).abs() < 1e-12, "{found:?}");
        assert!(mean_difference(&[]).is_none());
        let other = evaluation(vec![(9, &a)]);
        assert!(mean_difference(&[(&first, &second), (&other, &other)]).is_none());
    }
}
