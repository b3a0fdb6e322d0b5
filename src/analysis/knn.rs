//! Weighted k-nearest-neighbors classification of features (Wu et al. 2018, arXiv 1805.01978, section 3.4).

use crate::analysis::{Features, KnnConfig};
use crate::base::matmul::{Matrix, multiply};
use rayon::prelude::*;

/// Test images compared with all training images at a time.
const BLOCK: usize = 64;

/// What kNN says of each test image.
#[derive(Clone, Debug, PartialEq)]
pub struct KnnPredictions {
    /// The class with the highest score; the first of equal ones.
    pub predictions: Vec<usize>,
    /// `[rows, classes]`: each class's part of the votes.
    pub scores: Vec<f32>,
}

/// Classifies each row of `test` by its `k` nearest rows of `train` by cosine similarity, each of which votes for its
/// class with weight `exp(similarity / temperature)`. Of equally near rows the first in order come first; with fewer
/// than `k` training rows all vote.
///
/// # Panics
/// Widths or numbers of rows do not agree, or a label is not below `classes`.
pub fn knn(
    config: &KnnConfig,
    train: Features<'_>,
    train_labels: &[usize],
    test: Features<'_>,
    classes: usize,
) -> KnnPredictions {
    assert_eq!(train.width, test.width);
    assert_eq!(train.rows, train_labels.len());
    assert!(train_labels.iter().all(|&label| label < classes));
    let (width, classes) = (train.width.max(1), classes.max(1));
    let (train_units, test_units) = (train.unit_rows(), test.unit_rows());
    let all = Features::new(train.rows, train.width, &train_units).matrix().transposed();
    let mut scores = vec![0.0; test.rows * classes];
    scores.par_chunks_mut(BLOCK * classes).zip(test_units.par_chunks(BLOCK * width)).for_each(|(scores, some)| {
        let count = some.len() / width;
        let mut similarities = vec![0.0; count * train.rows];
        multiply(Matrix::new(some, count, width), all, false, &mut similarities);
        for (scores, row) in scores.chunks_mut(classes).zip(similarities.chunks(train.rows.max(1))) {
            vote(config, row, train_labels, scores);
        }
    });
    let predictions = scores.chunks(classes).map(first_largest).collect();
    KnnPredictions { predictions, scores }
}

fn vote(config: &KnnConfig, similarities: &[f32], labels: &[usize], scores: &mut [f32]) {
    let nearest = nearest(similarities, config.k);
    let Some(&(most, _)) = nearest.first() else { return };
    let mut votes = vec![0.0; scores.len()];
    for (similarity, row) in nearest {
        // Relative to the nearest: no temperature is too low for the exponential.
        votes[labels[row]] += (f64::from(similarity - most) / config.temperature).exp();
    }
    let total: f64 = votes.iter().sum();
    scores.iter_mut().zip(&votes).for_each(|(score, vote)| *score = (vote / total) as f32);
}

/// The `count` largest similarities with their rows, the largest first.
fn nearest(similarities: &[f32], count: usize) -> Vec<(f32, usize)> {
    let mut rows: Vec<(f32, usize)> = similarities.iter().copied().zip(0..).collect();
    let order = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    if count < rows.len() {
        rows.select_nth_unstable_by(count, order);
        rows.truncate(count);
    }
    rows.sort_unstable_by(order);
    rows
}

fn first_largest(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
}
