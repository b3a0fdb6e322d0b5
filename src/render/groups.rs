//! Results grouped over seeds.

use crate::analysis::{Outcomes, mean_interval, wilson_interval};
use crate::render::data::{EvaluationKind, EvaluationResult};

/// Results that differ only in their seed; never empty.
#[derive(Clone, Debug)]
pub(crate) struct Group<'a> {
    /// One result per seed: those that were measured, or all if none was.
    pub(crate) results: Vec<&'a EvaluationResult>,
    /// Number of seeds whose result is missing.
    pub(crate) missing: usize,
    /// The variant without its seed.
    pub(crate) variant: String,
    /// Mean accuracy on the test set.
    pub(crate) mean: f64,
    /// 95 % confidence interval of the accuracy: over test images for one seed, over test images and seeds for several.
    pub(crate) interval: (f64, f64),
    /// Correctness of each test image for each seed, if all seeds have the same test images.
    pub(crate) outcomes: Option<Outcomes<'a>>,
}

/// The recall of a class.
pub(crate) struct ClassRecall<'a> {
    pub(crate) class: &'a str,
    /// Number of its test images.
    pub(crate) images: usize,
    /// Fraction of them classified correctly; NaN without images.
    pub(crate) recall: f64,
    /// 95 % confidence interval.
    pub(crate) interval: (f64, f64),
}

impl<'a> Group<'a> {
    fn new(all: Vec<&'a EvaluationResult>) -> Self {
        let measured: Vec<_> = all.iter().filter(|result| result.accuracy.is_finite()).copied().collect();
        let missing = all.iter().filter(|result| result.is_missing).count();
        let results = if measured.is_empty() { all } else { measured };
        let outcomes = outcomes(&results);
        let (mean, interval) = match (&outcomes, results.as_slice()) {
            (_, [single]) => (single.accuracy, single.interval),
            (Some(outcomes), _) => outcomes.accuracy(),
            (None, several) => of_counts(several),
        };
        let variant = without_seed(&results[0].variant);
        Self { variant, mean, interval, outcomes, results, missing }
    }

    /// Formats the number of seeds: `3`, or `2 of 3` if one is missing.
    pub(crate) fn seeds(&self) -> String {
        let measured = self.results.iter().filter(|result| !result.is_missing).count();
        match self.missing {
            0 => measured.to_string(),
            missing => format!("{measured} of {}", measured + missing),
        }
    }

    /// Returns the mean validation accuracy; `None` if a seed has none.
    pub(crate) fn validation(&self) -> Option<f64> {
        let values: Option<Vec<f64>> = self.results.iter().map(|result| result.validation_accuracy).collect();
        values.map(|values| mean(&values)).filter(|mean| mean.is_finite())
    }

    /// Returns the mean recall over the classes, averaged over seeds; NaN if unknown.
    pub(crate) fn balanced_accuracy(&self) -> f64 {
        self.mean_of(|result| result.balanced_accuracy)
    }

    /// Returns the macro F1 score, averaged over seeds; NaN if unknown.
    pub(crate) fn macro_f1(&self) -> f64 {
        self.mean_of(|result| result.macro_f1)
    }

    /// Returns the top-5 accuracy, averaged over seeds; `None` if a seed has none.
    pub(crate) fn top5_accuracy(&self) -> Option<f64> {
        let values: Option<Vec<f64>> = self.results.iter().map(|result| result.top5_accuracy).collect();
        values.map(|values| mean(&values))
    }

    /// Returns the accuracy of always predicting the most frequent class of the test images; NaN if unknown.
    pub(crate) fn majority_rate(&self) -> f64 {
        majority_rate(self.first())
    }

    /// Returns each class with its number of test images, its recall and the 95 % interval of the recall: over test
    /// images for one seed, else the wider of that and the interval over seeds.
    pub(crate) fn recalls(&self) -> Vec<ClassRecall<'a>> {
        let classes = self.first().classes.iter().enumerate();
        let of_class = |(class, name): (usize, &'a String)| {
            let counts: Vec<(usize, usize)> = self
                .results
                .iter()
                .filter_map(|result| result.confusion.get(class))
                .map(|row| (row.get(class).copied().unwrap_or(0), row.iter().sum()))
                .collect();
            let images = counts.first()?.1;
            let (recall, interval) = match counts.as_slice() {
                _ if images == 0 => (f64::NAN, (f64::NAN, f64::NAN)),
                [(right, all)] => (*right as f64 / *all as f64, wilson_interval(*right, *all)),
                several => {
                    let rates: Vec<f64> = several.iter().map(|(right, all)| *right as f64 / *all as f64).collect();
                    of_rates(&rates, images)
                }
            };
            Some(ClassRecall { class: name, images, recall, interval })
        };
        classes.filter_map(of_class).collect()
    }

    fn mean_of(&self, value: impl Fn(&EvaluationResult) -> f64) -> f64 {
        mean(&self.results.iter().map(|result| value(result)).collect::<Vec<_>>())
    }

    /// Returns whether all classes have the same number of test images.
    pub(crate) fn is_balanced(&self) -> bool {
        let sizes: Vec<usize> = self.class_counts().map(|(_, all)| all).collect();
        sizes.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// Correctly classified and total test images of each class, summed over seeds.
    fn class_counts(&self) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.confusion().into_iter().enumerate();
        rows.map(|(class, row)| (row.get(class).copied().unwrap_or(0), row.iter().sum()))
    }

    /// Returns the first result, for the properties that all have in common.
    pub(crate) fn first(&self) -> &'a EvaluationResult {
        self.results[0]
    }

    /// Returns the confusion matrix summed over seeds; empty if their shapes differ.
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

/// Returns the correctness of each image for each seed; `None` if unknown or if the test images differ.
fn outcomes<'a>(results: &[&'a EvaluationResult]) -> Option<Outcomes<'a>> {
    let test_set = &results.first()?.test_set;
    let is_same = results.iter().all(|result| result.test_set == *test_set && result.accuracy.is_finite());
    let runs = results.iter().map(|result| (result.seed, result.right.0.as_slice())).collect();
    is_same.then(|| Outcomes::new(runs)).flatten()
}

/// Computes mean and 95 % interval from the accuracies alone: at each end, the wider of the Wilson interval over
/// images and Student's interval over seeds.
fn of_counts(results: &[&EvaluationResult]) -> (f64, (f64, f64)) {
    let images = results.iter().map(|result| result.total).sum::<usize>() / results.len().max(1);
    of_rates(&results.iter().map(|result| result.accuracy).collect::<Vec<_>>(), images)
}

/// The same for any fraction of `images` images that was measured with several seeds.
fn of_rates(rates: &[f64], images: usize) -> (f64, (f64, f64)) {
    let (mean, half_width) = mean_interval(rates);
    if !mean.is_finite() {
        return (mean, (f64::NAN, f64::NAN));
    }
    let (low, high) = wilson_interval((mean * images as f64).round() as usize, images);
    (mean, (low.min(mean - half_width).max(0.0), high.max(mean + half_width).min(1.0)))
}

/// Returns the accuracy of always predicting the most frequent class of a result's test images; NaN if unknown.
pub(crate) fn majority_rate(result: &EvaluationResult) -> f64 {
    let sizes: Vec<usize> = result.confusion.iter().map(|row| row.iter().sum()).collect();
    sizes.iter().max().map_or(f64::NAN, |max| *max as f64 / sizes.iter().sum::<usize>() as f64)
}

/// Returns the arithmetic mean; NaN if empty.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn same_shape(a: &[Vec<usize>], b: &[Vec<usize>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.len() == b.len())
}

/// Groups results that differ only in their seed, in the order of their first result.
pub(crate) fn over_seeds(results: &[EvaluationResult]) -> Vec<Group<'_>> {
    group_by(results, |result| Key::of(result)).into_iter().map(|(_, members)| Group::new(members)).collect()
}

/// Returns the groups that have an accuracy.
pub(crate) fn measured<'r, 'g>(groups: &'g [Group<'r>]) -> Vec<&'g Group<'r>> {
    groups.iter().filter(|group| group.mean.is_finite()).collect()
}

/// Groups items by key, in the order of their first item.
pub(crate) fn group_by<T, K: PartialEq>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    for item in items {
        let key = key(&item);
        match groups.iter_mut().find(|(other, _)| *other == key) {
            Some((_, members)) => members.push(item),
            None => groups.push((key, vec![item])),
        }
    }
    groups
}

#[derive(PartialEq)]
struct Key<'a> {
    kind: EvaluationKind,
    stage: &'a str,
    from: Option<&'a str>,
    depth: Option<usize>,
    fraction: u64,
    labels_per_class: Option<usize>,
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
            labels_per_class: result.labels_per_class,
            variant: without_seed(&result.variant),
        }
    }
}

/// Removes the seed from a variant: "temperature 0.1, seed 2" becomes "temperature 0.1".
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
    use crate::render::correctness::Correctness;

    fn result(variant: &str, accuracy: f64) -> EvaluationResult {
        EvaluationResult { variant: variant.into(), accuracy, total: 100, interval: (0.4, 0.6), ..Default::default() }
    }

    #[test]
    fn averages_over_seeds_only() {
        let results = [
            result("temperature 0.1, seed 1", 0.5),
            result("temperature 0.5, seed 1", 0.7),
            result("temperature 0.1, seed 2", 0.6),
        ];
        let groups = over_seeds(&results);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].variant, "temperature 0.1");
        assert!((groups[0].mean - 0.55).abs() < 1e-12);
        assert!(groups[0].interval.0 < 0.4 && groups[0].interval.1 > 0.6, "{:?}", groups[0].interval);
        assert_eq!(groups[1].interval, (0.4, 0.6));
    }

    #[test]
    fn a_missing_seed_is_counted_and_not_averaged() {
        let missing = |variant| EvaluationResult { is_missing: true, ..result(variant, f64::NAN) };
        let results = [result("seed 1", 0.5), missing("seed 2"), result("seed 3", 0.7), missing("a, seed 1")];
        let groups = over_seeds(&results);
        assert!((groups[0].mean - 0.6).abs() < 1e-12);
        assert_eq!((groups[0].results.len(), groups[0].missing), (2, 1));
        assert!(groups[1].mean.is_nan());
        assert_eq!((groups[1].results.len(), groups[1].missing), (1, 1));
    }

    #[test]
    fn seeds_with_the_same_test_images_have_outcomes() {
        let right = |every: usize| Correctness((0..100).map(|image| image % every != 0).collect());
        let of = |seed, every| {
            let accuracy = 1.0 - 1.0 / every as f64;
            let (variant, confusion) = (format!("seed {seed}"), vec![vec![90, 0], vec![5, 5]]);
            let balanced_accuracy = 0.75;
            EvaluationResult {
                seed,
                variant,
                accuracy,
                right: right(every),
                classes: vec!["a".into(), "b".into()],
                confusion,
                balanced_accuracy,
                ..Default::default()
            }
        };
        let results = [of(1, 2), of(2, 4), of(3, 2)];
        let group = &over_seeds(&results)[0];
        assert_eq!(group.outcomes.as_ref().map(|outcomes| outcomes.images()), Some(100));
        assert!((group.mean - (0.5 + 0.75 + 0.5) / 3.0).abs() < 1e-12);
        assert!((group.balanced_accuracy() - 0.75).abs() < 1e-12 && !group.is_balanced());
        assert!((group.majority_rate() - 0.9).abs() < 1e-12);
        let recalls = group.recalls();
        assert_eq!((recalls[0].class, recalls[0].images, recalls[0].recall), ("a", 90, 1.0));
        assert_eq!((recalls[1].images, recalls[1].recall), (10, 0.5));
        assert!(recalls[1].interval.0 < 0.3 && recalls[1].interval.1 > 0.7, "{:?}", recalls[1].interval);
        let others = EvaluationResult { test_set: "other".into(), ..of(4, 2) };
        let results = [of(1, 2), others];
        assert!(over_seeds(&results)[0].outcomes.is_none());
    }

    #[test]
    fn only_a_seed_with_a_number_is_removed() {
        assert_eq!(without_seed("seed 3"), "");
        assert_eq!(without_seed("augment seedling, seed 3"), "augment seedling");
        assert_eq!(without_seed("seed none"), "seed none");
    }
}
