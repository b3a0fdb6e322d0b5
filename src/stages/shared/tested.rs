//! Which test images an evaluation classified correctly, from its predictions.

use crate::base::{Result, hash};
use crate::render::correctness::Correctness;
use crate::render::data::TestSet;
use crate::runs;
use crate::stages::shared::artifacts;
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
}

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
    })
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
    fn the_most_frequent_class_is_guessed_and_the_first_of_equals() {
        let guess = guess(&[("1", "b"), ("2", "a"), ("3", "a")]);
        assert_eq!((guess.most_frequent.as_str(), guess.guessed.0), ("a", vec![false, true, true]));
        assert_eq!(super::guess(&[("1", "b"), ("2", "a")]).most_frequent, "b");
        assert_eq!(super::guess(&[]).guessed.0, Vec::<bool>::new());
    }
}
