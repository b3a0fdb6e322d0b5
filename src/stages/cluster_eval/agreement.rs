//! How well clusters agree with classes.

use crate::stages::cluster_eval::matching::max_matching;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Measures of the agreement of clusters with classes. All are 1 for a perfect match.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Agreement {
    /// Mutual information divided by the arithmetic mean of the two entropies, from 0.
    pub(super) nmi: f64,
    /// Adjusted Rand index (Hubert and Arabie 1985); its mean is 0 for random clusters.
    pub(super) adjusted_rand: f64,
    /// Fraction of the images that are in the most frequent class of their cluster.
    pub(super) purity: f64,
    /// Fraction of the images that are in the class of their cluster, in the best one-to-one matching.
    pub(super) clustering_accuracy: f64,
    /// Fraction of the images that are in the most frequent class: the purity is at least as high.
    pub(super) largest_class: f64,
}

/// Returns the agreement of clusters with the labels of the same images, of which there is at least one.
pub(super) fn agreement(labels: &[usize], clusters: &[usize]) -> Agreement {
    let table = Contingency::new(labels, clusters);
    let images = labels.len().max(1) as f64;
    Agreement {
        nmi: table.nmi(),
        adjusted_rand: table.adjusted_rand(),
        purity: table.by_cluster().map(|counts| counts.max().unwrap_or(0)).sum::<usize>() as f64 / images,
        clustering_accuracy: max_matching(&table.counts, table.classes.len(), table.clusters.len()) as f64 / images,
        largest_class: table.classes.iter().copied().max().unwrap_or(0) as f64 / images,
    }
}

/// Number of images by class and cluster, of those classes and clusters that have any.
struct Contingency {
    /// `[classes, clusters]`.
    counts: Vec<usize>,
    /// Images of each class.
    classes: Vec<usize>,
    /// Images of each cluster.
    clusters: Vec<usize>,
}

impl Contingency {
    fn new(labels: &[usize], clusters: &[usize]) -> Self {
        let (classes, clusters) = (compact(labels), compact(clusters));
        let count = |numbers: &[usize]| numbers.iter().max().map_or(0, |most| most + 1);
        let (rows, columns) = (count(&classes), count(&clusters));
        let mut table = Self { counts: vec![0; rows * columns], classes: vec![0; rows], clusters: vec![0; columns] };
        for (class, cluster) in classes.into_iter().zip(clusters) {
            table.counts[class * columns + cluster] += 1;
            table.classes[class] += 1;
            table.clusters[cluster] += 1;
        }
        table
    }

    fn by_cluster(&self) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        let columns = self.clusters.len();
        (0..columns).map(move |cluster| self.counts.iter().skip(cluster).step_by(columns).copied())
    }

    /// Computes normalized mutual information with natural logarithms, as scikit-learn's `normalized_mutual_info_score`.
    fn nmi(&self) -> f64 {
        if self.classes.len() <= 1 && self.clusters.len() <= 1 {
            return 1.0;
        }
        let images = self.classes.iter().sum::<usize>() as f64;
        let (columns, log) = (self.clusters.len(), |count: usize| (count as f64).ln());
        let term = |(at, &count): (usize, &usize)| {
            let margins = log(self.classes[at / columns]) + log(self.clusters[at % columns]);
            count as f64 / images * (log(count) + images.ln() - margins)
        };
        let information: f64 = self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(term).sum();
        let mean = f64::midpoint(entropy(&self.classes, images), entropy(&self.clusters, images));
        // One cluster has an information of 0, apart from rounding.
        if information <= f64::EPSILON { 0.0 } else { (information / mean).min(1.0) }
    }

    /// Computes the adjusted Rand index over pairs of images, as scikit-learn's `adjusted_rand_score`.
    fn adjusted_rand(&self) -> f64 {
        let squares = |counts: &[usize]| counts.iter().map(|count| (*count as f64).powi(2)).sum::<f64>();
        let images = self.classes.iter().sum::<usize>() as f64;
        let both = squares(&self.counts);
        // Ordered pairs in the same class and cluster, cluster alone, class alone, neither.
        let (together, same_cluster) = (both - images, squares(&self.clusters) - both);
        let same_class = squares(&self.classes) - both;
        let apart = images.powi(2) - both - same_class - same_cluster;
        if same_class == 0.0 && same_cluster == 0.0 {
            return 1.0;
        }
        2.0 * (together * apart - same_class * same_cluster)
            / ((together + same_class) * (same_class + apart) + (together + same_cluster) * (same_cluster + apart))
    }
}

/// Numbers the distinct values from 0 in ascending order.
fn compact(values: &[usize]) -> Vec<usize> {
    let mut numbers: BTreeMap<usize, usize> = values.iter().map(|value| (*value, 0)).collect();
    numbers.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    values.iter().map(|value| numbers[value]).collect()
}

fn entropy(counts: &[usize], images: f64) -> f64 {
    counts.iter().map(|count| *count as f64 / images).map(|part| -part * part.ln()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::cluster_eval::golden;

    #[test]
    fn measures_are_those_of_scikit_learn() {
        let cases = golden().agreement;
        assert!(cases.len() > 8);
        for case in cases {
            let found = agreement(&case.labels, &case.clusters);
            for (found, wanted) in [
                (found.nmi, case.nmi),
                (found.adjusted_rand, case.adjusted_rand),
                (found.purity, case.purity),
                (found.clustering_accuracy, case.clustering_accuracy),
            ] {
                assert!((found - wanted).abs() < 1e-12, "{}: {found} instead of {wanted}", case.name);
            }
            assert!(found.purity >= found.largest_class.max(found.clustering_accuracy), "{}", case.name);
        }
    }
}
