//! Weighted k-nearest-neighbors classification of features (Wu et al. 2018, arXiv 1805.01978, section 3.4).

use crate::analysis::{FeatureMatrix, KnnConfig};
use crate::base::matmul::{Matrix, gemm};
use rayon::prelude::*;

/// Test images per task, each compared with all training images.
const BLOCK: usize = 64;

/// kNN predictions of test images.
#[derive(Clone, Debug, PartialEq)]
pub struct KnnPredictions {
    /// Class with the highest score of each image; among equal scores, the first.
    pub predictions: Vec<usize>,
    /// `[rows, classes]`: fraction of the votes for each class.
    pub scores: Vec<f32>,
}

/// Classifies each row of `test` by its `k` nearest rows of `train` by cosine similarity, each of which votes for its
/// class with weight `exp(similarity / temperature)`. Ties are broken by row order; with fewer than `k` training rows
/// all vote.
///
/// # Panics
/// Widths or numbers of rows differ, or a label is not below `classes`.
pub fn knn(
    config: &KnnConfig,
    train: FeatureMatrix<'_>,
    train_labels: &[usize],
    test: FeatureMatrix<'_>,
    classes: usize,
) -> KnnPredictions {
    assert_eq!(train.width, test.width);
    assert_eq!(train.rows, train_labels.len());
    assert!(train_labels.iter().all(|&label| label < classes));
    let (width, classes) = (train.width.max(1), classes.max(1));
    let (train_vectors, test_vectors) = (train.normalized_rows(), test.normalized_rows());
    let all = FeatureMatrix::new(train.rows, train.width, &train_vectors).matrix().transposed();
    let mut scores = vec![0.0; test.rows * classes];
    scores.par_chunks_mut(BLOCK * classes).zip(test_vectors.par_chunks(BLOCK * width)).for_each(|(scores, some)| {
        let count = some.len() / width;
        let mut similarities = vec![0.0; count * train.rows];
        gemm(Matrix::new(some, count, width), all, false, &mut similarities);
        for (scores, row) in scores.chunks_mut(classes).zip(similarities.chunks(train.rows.max(1))) {
            vote(config, row, train_labels, scores);
        }
    });
    let predictions = scores.chunks(classes).map(argmax).collect();
    KnnPredictions { predictions, scores }
}

fn vote(config: &KnnConfig, similarities: &[f32], labels: &[usize], scores: &mut [f32]) {
    let nearest = nearest(similarities, config.k);
    let Some(&(max, _)) = nearest.first() else { return };
    let mut votes = vec![0.0; scores.len()];
    for (similarity, row) in nearest {
        // Relative to the nearest, so that low temperatures do not overflow.
        votes[labels[row]] += (f64::from(similarity - max) / config.temperature).exp();
    }
    let total: f64 = votes.iter().sum();
    scores.iter_mut().zip(&votes).for_each(|(score, vote)| *score = (vote / total) as f32);
}

/// Returns the `count` largest similarities with their rows, in descending order.
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

fn argmax(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
}
