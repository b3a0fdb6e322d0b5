//! Names of series, without what all have in common, and names of files.

use crate::base::text::visible;
use crate::render::stage_table::slug;
use sha2::{Digest, Sha256};

/// Maximum length of the name of a file.
const MAX_LENGTH: usize = 80;
/// Bytes of a digest in the name of a file that would be longer.
const DIGEST: usize = 4;

/// Names of the series of a figure.
pub(super) struct Names {
    /// What tells each apart from the others.
    pub(super) each: Vec<String>,
    /// What all have in common, for the caption; empty if there is nothing.
    pub(super) common: String,
}

impl Names {
    /// Removes the parts of names ("main, temperature 0.1, batch_size 32") that all of them have.
    pub(super) fn of(names: Vec<String>) -> Self {
        let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split(", ").collect()).collect();
        let is_common = |part: &&str| parts.iter().all(|other| other.contains(part));
        let common: Vec<&str> = parts.first().into_iter().flatten().copied().filter(|part| is_common(part)).collect();
        let shorter = |parts: &Vec<&str>| {
            parts.iter().copied().filter(|part| !common.contains(part)).collect::<Vec<_>>().join(", ")
        };
        let each: Vec<String> = parts.iter().map(shorter).collect();
        let is_distinct = each.iter().enumerate().all(|(at, name)| !name.is_empty() && !each[..at].contains(name));
        if names.len() < 2 || !is_distinct {
            return Self { each: names, common: String::new() };
        }
        Self { common: common.join(", "), each }
    }

    /// States in a caption what all have in common; empty if there is nothing.
    pub(super) fn caption(&self) -> String {
        if self.common.is_empty() { String::new() } else { format!(" All series: {}.", visible(&self.common)) }
    }
}

/// Joins parts to the name of a file: ASCII letters and digits in lower case with hyphens. What does not fit becomes a
/// digest.
pub(super) fn file_name(parts: &[&str]) -> String {
    let text = parts.join(" ");
    let name = slug(&text, '-');
    // Letters of other scripts are lost, so that two names may become one.
    let is_lossy = !text.is_ascii();
    if name.len() <= MAX_LENGTH && !is_lossy {
        return name;
    }
    let digest: String = Sha256::digest(&text).iter().take(DIGEST).map(|byte| format!("{byte:02x}")).collect();
    let kept = name[..name.len().min(MAX_LENGTH - 2 * DIGEST - 1)].trim_end_matches('-');
    format!("{kept}-{digest}").trim_start_matches('-').to_owned()
}

/// Makes the names of files distinct: a second "a" becomes "a-2".
pub(super) fn make_distinct<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut taken: Vec<String> = Vec::new();
    for name in names {
        let wanted = name.clone();
        let mut number = 2;
        while taken.contains(name) {
            *name = format!("{wanted}-{number}");
            number += 1;
        }
        taken.push(name.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> (Vec<String>, String) {
        let names = Names::of(names.iter().map(|name| (*name).to_owned()).collect());
        (names.each, names.common)
    }

    #[test]
    fn what_all_names_have_is_left_out_once() {
        let (each, common) = of(&["main, h, temperature 0.05, lr 1", "main, z, temperature 0.1, lr 1"]);
        assert_eq!(
            (each.join("|").as_str(), common.as_str()),
            ("h, temperature 0.05|z, temperature 0.1", "main, lr 1")
        );
        assert_eq!(of(&["a, b"]), (vec!["a, b".to_owned()], String::new()));
        assert_eq!(of(&["a", "a, b"]).0, ["a", "a, b"]);
        assert_eq!(of(&[]).0, Vec::<String>::new());
    }

    #[test]
    fn names_of_files_are_short_ascii_and_distinct() {
        assert_eq!(file_name(&["confusion", "linear", "main", "h", "100", ""]), "confusion-linear-main-h-100");
        assert_eq!(file_name(&["sweep", "temperature", "0.05"]), "sweep-temperature-0-05");
        for hostile in ["../../x", "猫", "犬", "=<script>\u{202e}", &"x".repeat(300), &"y ".repeat(300), "🐱"] {
            let name = file_name(&["embedding", hostile]);
            assert!(name.len() <= MAX_LENGTH && name.starts_with("embedding"), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        }
        assert_ne!(file_name(&["猫"]), file_name(&["犬"]));
        assert_ne!(file_name(&[&"x".repeat(300)]), file_name(&[&"x".repeat(301)]));
        let mut names = ["a", "b", "a", "a-2", "a"].map(str::to_owned);
        make_distinct(names.iter_mut());
        assert_eq!(names, ["a", "b", "a-2", "a-2-2", "a-3"]);
    }
}
