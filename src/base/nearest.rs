//! Names in messages: suggestions for typos, and lists of valid names.

use crate::base::text::cut;
use std::borrow::Cow;
use strsim::{damerau_levenshtein, jaro_winkler};

/// Similarity from which a name counts as a typo (Jaro-Winkler, 1 is equal).
const MIN_SIMILARITY: f64 = 0.85;

/// Returns the candidate that `name` was probably meant to be.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest_with(name, candidates, &[])
}

/// As [`nearest`], where a name and what is meant by it may be among the synonyms.
pub(crate) fn nearest_with<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    synonyms: &[(&str, &str)],
) -> Option<&'a str> {
    let name = name.to_lowercase().replace('-', "_");
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let habit = synonyms.iter().find(|(habit, meant)| *habit == name && candidates.contains(meant));
    if let Some((_, meant)) = habit {
        return candidates.into_iter().find(|candidate| candidate == meant);
    }
    candidates
        .into_iter()
        .map(|candidate| (similarity(&name, &candidate.to_lowercase().replace('-', "_")), candidate))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// Returns the similarity of two names, from 0 to 1. One typo in a short name counts as similar, and so does a name
/// that contains the other (`blur` for `gaussian_blur`).
fn similarity(name: &str, candidate: &str) -> f64 {
    /// Maximum length of a name that is compared; no typo makes a valid name this long.
    const MAX_LENGTH: usize = 64;
    /// Minimum length of a name that counts as contained in another.
    const MIN_CONTAINED: usize = 4;
    if name.len() > MAX_LENGTH {
        return 0.0;
    }
    let typos = damerau_levenshtein(name, candidate);
    let length = name.chars().count().max(candidate.chars().count()).max(1);
    let few_typos = if typos <= 1 || typos * 4 <= length { 1.0 - typos as f64 / (8 * length) as f64 } else { 0.0 };
    let is_contained = name.len() >= MIN_CONTAINED && (candidate.contains(name) || name.contains(candidate));
    let contained = if is_contained { MIN_SIMILARITY } else { 0.0 };
    jaro_winkler(name, candidate).min(0.95).max(few_typos).max(contained)
}

/// Formats names as a list for a sentence: `a`, `b`, `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    /// Maximum number of names listed.
    const MAX_NAMES: usize = 20;
    let mut names = names.into_iter();
    let mut listed: Vec<String> = names.by_ref().take(MAX_NAMES).map(|name| format!("`{}`", shortened(name))).collect();
    if names.next().is_some() {
        listed.push("…".to_owned());
    }
    listed.join(", ")
}

/// Returns a name from the file, cut if it is too long for a sentence.
pub(crate) fn shortened(name: &str) -> Cow<'_, str> {
    /// Maximum number of characters of a name in a message.
    const MAX_CHARS: usize = 60;
    cut(name, MAX_CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["temperature", "similarity", "learning_rate", "momentum", "batch_size", "epochs"];
    const SYNONYMS: [(&str, &str); 1] = [("lr", "learning_rate")];

    #[test]
    fn typos_aliases_and_contained_names_are_found() {
        for (written, meant) in [
            ("temprature", "temperature"),
            ("Temperature", "temperature"),
            ("lr", "learning_rate"),
            ("epoch", "epochs"),
            ("batchsize", "batch_size"),
            ("batch-size", "batch_size"),
            ("rate", "learning_rate"),
        ] {
            assert_eq!(nearest_with(written, KEYS, &SYNONYMS), Some(meant), "{written}");
        }
        assert_eq!(nearest("maim", ["main", "other"]), Some("main"));
        assert_eq!(nearest("blur", ["gaussian_blur", "grayscale"]), Some("gaussian_blur"));
    }

    #[test]
    fn dissimilar_names_are_not_found() {
        for written in ["zzz", "", "color", &"temperature".repeat(50)] {
            assert_eq!(nearest(written, KEYS), None, "{written}");
        }
    }
}
