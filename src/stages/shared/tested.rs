//! Which test images an evaluation classified correctly, from its predictions.

use crate::base::{Result, hash};
use crate::render::correctness::Correctness;
use crate::render::data::{Mistake, TestSet};
use crate::runs;
use crate::stages::shared::artifacts;
use crate::stages::shared::sample::{MAX_SHOWN, evenly_spaced};
use serde::Deserialize;
use std::path::Path;

/// The outcome of an evaluation for each test image.
pub(super) struct Tested {
    /// Digest of the images' names and classes.
    pub(super) test_set: String,
    /// Which of them were classified correctly.
    pub(super) right: Correctness,
    /// The outcome of guessing the most frequent class.
    pub(super) guess: TestSet,
    /// The most confident wrong predictions.
    pub(super) mistakes: Vec<Mistake>,
}

/// Maximum number of wrong predictions in the report.
const MAX_MISTAKES: usize = 16;

/// Returns which test images an evaluation classified correctly, for comparing runs; `None` if its predictions cannot
/// be read.
pub(crate) fn tested(artifact: &Path) -> Option<runs::TestPredictions> {
    let Tested { test_set, right, .. } = read(artifact).ok()?;
    Some(runs::TestPredictions { test_set, correct: right.0 })
}

/// A row of `predictions.csv`.
#[derive(Deserialize)]
struct Prediction {
    image: String,
    class: String,
    predicted: String,
    confidence: f32,
}

/// Reads the predictions of an evaluation's artifact.
///
/// # Errors
/// They cannot be read.
pub(super) fn read(directory: &Path) -> Result<Tested> {
    let rows: Vec<Prediction> = artifacts::read_rows(&directory.join(artifacts::PREDICTIONS))?;
    let images: Vec<(&str, &str)> = rows.iter().map(|row| (row.image.as_str(), row.class.as_str())).collect();
    Ok(Tested {
        test_set: hash::digest_json(&images)?,
        right: Correctness(rows.iter().map(|row| row.class == row.predicted).collect()),
        guess: guess(&images),
        mistakes: mistakes(&rows),
    })
}

/// Returns the most confident wrong predictions among the images with a thumbnail; the first of equals comes first.
fn mistakes(rows: &[Prediction]) -> Vec<Mistake> {
    let shown = evenly_spaced(rows.len(), MAX_SHOWN).into_iter().map(|at| &rows[at]);
    let mut wrong: Vec<&Prediction> = shown.filter(|row| row.class != row.predicted).collect();
    wrong.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    wrong.truncate(MAX_MISTAKES);
    let mistake = |row: &Prediction| Mistake {
        image: row.image.clone(),
        class: row.class.clone(),
        predicted: row.predicted.clone(),
        confidence: row.confidence,
    };
    wrong.into_iter().map(mistake).collect()
}

fn guess(images: &[(&str, &str)]) -> TestSet {
    let mut classes: Vec<(&str, usize)> = Vec::new();
    for (_, class) in images {
        match classes.iter_mut().find(|(known, _)| known == class) {
            Some((_, count)) => *count += 1,
            None => classes.push((class, 1)),
        }
    }
    let most_frequent =
        classes.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a }).map_or("", |(class, _)| class);
    let guessed = Correctness(images.iter().map(|(_, class)| *class == most_frequent).collect());
    TestSet { most_frequent: most_frequent.to_owned(), guessed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_confident_mistakes_come_first() {
        let row = |image: &str, predicted: &str, confidence| Prediction {
            image: image.into(),
            class: "a".into(),
            predicted: predicted.into(),
            confidence,
        };
        let rows = [row("1", "b", 0.5), row("2", "a", 0.9), row("3", "b", 0.8), row("4", "c", 0.5)];
        let found: Vec<String> = mistakes(&rows).into_iter().map(|mistake| mistake.image).collect();
        assert_eq!(found, ["3", "1", "4"]);
    }

    #[test]
    fn the_most_frequent_class_is_guessed_and_the_first_of_equals() {
        let guess = guess(&[("1", "b"), ("2", "a"), ("3", "a")]);
        assert_eq!((guess.most_frequent.as_str(), guess.guessed.0), ("a", vec![false, true, true]));
        assert_eq!(super::guess(&[("1", "b"), ("2", "a")]).most_frequent, "b");
        assert_eq!(super::guess(&[]).guessed.0, Vec::<bool>::new());
    }
}
