//! Names in messages: the one that was probably meant, and lists of those that there are.

use strsim::{damerau_levenshtein, jaro_winkler};

/// Names closer than this are taken for a slip of the finger (Jaro-Winkler, 1 is equal).
const CLOSE: f64 = 0.85;

/// The candidate that `name` was probably meant to be.
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
        .filter(|(similarity, _)| *similarity >= CLOSE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// How alike two names are, from 0 to 1. One slip in a short name counts as close, and so does a name of which the
/// other is a part (`blur` for `gaussian_blur`).
fn similarity(name: &str, candidate: &str) -> f64 {
    /// Longest name compared: a slip of the finger does not make a longer one out of ours.
    const LONGEST: usize = 64;
    /// A part shorter than this says too little.
    const SHORTEST_PART: usize = 4;
    if name.len() > LONGEST {
        return 0.0;
    }
    let slips = damerau_levenshtein(name, candidate);
    let length = name.chars().count().max(candidate.chars().count()).max(1);
    let few_slips = if slips <= 1 || slips * 4 <= length { 1.0 - slips as f64 / (8 * length) as f64 } else { 0.0 };
    let part =
        if name.len() >= SHORTEST_PART && (candidate.contains(name) || name.contains(candidate)) { CLOSE } else { 0.0 };
    jaro_winkler(name, candidate).min(0.95).max(few_slips).max(part)
}

/// Names as a list for a sentence: `a`, `b`, `c`.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    /// Names beyond this number are left out.
    const MOST: usize = 20;
    let mut names = names.into_iter();
    let mut listed: Vec<String> = names.by_ref().take(MOST).map(|name| format!("`{}`", shortened(name))).collect();
    if names.next().is_some() {
        listed.push("...".to_owned());
    }
    listed.join(", ")
}

/// A name from the file, cut where it is too long for a sentence.
pub(crate) fn shortened(name: &str) -> String {
    /// Characters of a name in a message.
    const LONGEST: usize = 60;
    match name.char_indices().nth(LONGEST) {
        Some((byte, _)) => format!("{}...", &name[..byte]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 6] = ["temperature", "similarity", "learning_rate", "momentum", "batch_size", "epochs"];
    const SYNONYMS: [(&str, &str); 1] = [("lr", "learning_rate")];

    #[test]
    fn slips_habits_and_parts_are_found() {
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
    fn other_names_are_not() {
        for written in ["zzz", "", "color", &"temperature".repeat(50)] {
            assert_eq!(nearest(written, KEYS), None, "{written}");
        }
    }
}
