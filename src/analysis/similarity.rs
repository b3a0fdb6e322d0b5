//! Cosine similarities: of positive and negative pairs, and nearest neighbors.

use crate::analysis::FeatureMatrix;
use crate::base::matmul::{Matrix, gemm};

/// Number of bins of a histogram of similarities, from −1 to 1.
pub(crate) const BINS: usize = 40;

/// Histograms of the cosine similarities of pairs of views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PairSimilarities {
    /// Pairs of views of the same image.
    pub(crate) positives: Vec<usize>,
    /// Pairs of a first and a second view of different images.
    pub(crate) negatives: Vec<usize>,
}

/// Counts pairs by similarity; row i of both matrices, `[images, width]`, is image i.
pub(crate) fn pair_similarities(first: FeatureMatrix<'_>, second: FeatureMatrix<'_>) -> PairSimilarities {
    let cosines = cosines(first, second);
    let mut found = PairSimilarities { positives: vec![0; BINS], negatives: vec![0; BINS] };
    for (at, cosine) in cosines.iter().enumerate() {
        let is_positive = at / second.rows == at % second.rows;
        let counts = if is_positive { &mut found.positives } else { &mut found.negatives };
        counts[bin(*cosine)] += 1;
    }
    found
}

/// Returns the cosine similarity of two rows.
pub(crate) fn row_cosine(features: FeatureMatrix<'_>, a: usize, b: usize) -> f32 {
    let product = |a: usize, b: usize| -> f64 {
        features.row(a).iter().zip(features.row(b)).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    (product(a, b) / (product(a, a) * product(b, b)).sqrt().max(f64::MIN_POSITIVE)) as f32
}

fn bin(cosine: f32) -> usize {
    (((cosine + 1.0) / 2.0 * BINS as f32) as usize).min(BINS - 1)
}

/// Returns the `count` nearest other rows of some rows of `features`, `[images, width]`, with their cosine similarity,
/// the nearest first and the first of equals.
pub(crate) fn nearest(features: FeatureMatrix<'_>, rows: &[usize], count: usize) -> Vec<Vec<(usize, f32)>> {
    let values: Vec<f32> = rows.iter().flat_map(|&row| features.row(row)).copied().collect();
    let cosines = cosines(FeatureMatrix::new(rows.len(), features.width, &values), features);
    let of_row = |(at, &row): (usize, &usize)| {
        let of_query = &cosines[at * features.rows..(at + 1) * features.rows];
        let mut others: Vec<(usize, f32)> =
            of_query.iter().copied().enumerate().filter(|(other, _)| *other != row).collect();
        others.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        others.truncate(count);
        others
    };
    rows.iter().enumerate().map(of_row).collect()
}

/// Returns the cosine similarity of each row of `a` with each row of `b`, `[rows of a, rows of b]`.
fn cosines(a: FeatureMatrix<'_>, b: FeatureMatrix<'_>) -> Vec<f32> {
    let (left, right) = (a.normalized_rows(), b.normalized_rows());
    let mut cosines = vec![0.0; a.rows * b.rows];
    if !cosines.is_empty() {
        let right = Matrix::new(&right, b.rows, b.width).transposed();
        gemm(Matrix::new(&left, a.rows, a.width), right, false, &mut cosines);
    }
    cosines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_by_similarity() {
        let first = FeatureMatrix::new(2, 2, &[1.0, 0.0, 0.0, 2.0]);
        let second = FeatureMatrix::new(2, 2, &[3.0, 0.0, -1.0, 0.0]);
        let found = pair_similarities(first, second);
        assert_eq!((found.positives[BINS - 1], found.positives[BINS / 2]), (1, 1));
        assert_eq!((found.negatives[0], found.negatives[BINS / 2]), (1, 1));
        assert_eq!(found.positives.iter().sum::<usize>(), 2);
    }

    #[test]
    fn the_cosine_of_two_rows_does_not_depend_on_their_length() {
        let features = FeatureMatrix::new(3, 2, &[1.0, 0.0, 3.0, 4.0, 0.0, 0.0]);
        assert!((row_cosine(features, 0, 1) - 0.6).abs() < 1e-6);
        assert_eq!(row_cosine(features, 0, 2), 0.0);
    }

    #[test]
    fn the_nearest_rows_are_others_in_order() {
        let features = FeatureMatrix::new(4, 2, &[1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.5, 0.5]);
        let found = nearest(features, &[0, 2], 2);
        assert_eq!(found[0].iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(found[1].iter().map(|(row, _)| *row).collect::<Vec<_>>(), [3, 1]);
        assert!((found[1][0].1 - 0.5_f32.sqrt()).abs() < 1e-6);
        assert!(nearest(FeatureMatrix::new(0, 2, &[]), &[], 3).is_empty());
    }
}
