//! Files and directories of a source that are not used as images, counted by kind.

use crate::dataset::source::MAX_NAMED;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a source passes over, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver(BTreeMap<String, PassedOverKind>);

/// The number of entries of a kind, and the name of the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct PassedOverKind {
    count: usize,
    first: String,
}

impl PassedOver {
    /// Counts an entry of a kind, such as `.txt`, under its name.
    pub(crate) fn add(&mut self, kind: &str, name: &str) {
        self.extend_kind(kind, 1, name);
    }

    /// Adds the counts of another list.
    pub(crate) fn extend(&mut self, other: Self) {
        other.0.into_iter().for_each(|(kind, PassedOverKind { count, first })| self.extend_kind(&kind, count, &first));
    }

    fn extend_kind(&mut self, kind: &str, count: usize, name: &str) {
        let known = self.0.entry(kind.to_owned());
        known.or_insert_with(|| PassedOverKind { count: 0, first: name.to_owned() }).count += count;
    }

    /// Returns the number of entries.
    pub fn count(&self) -> usize {
        self.0.values().map(|kind| kind.count).sum()
    }

    /// Returns each kind with its number of entries and the name of the first, the most frequent kind first.
    pub fn kinds(&self) -> Vec<(&str, usize, &str)> {
        let mut kinds: Vec<(&str, usize, &str)> =
            self.0.iter().map(|(kind, found)| (kind.as_str(), found.count, found.first.as_str())).collect();
        kinds.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        kinds
    }

    /// Returns the kinds as a phrase: `12 .txt (cat/1.txt, ...), 1 hidden (.DS_Store)`.
    pub fn describe(&self) -> String {
        let kinds = self.kinds();
        let named = kinds.iter().take(MAX_NAMED).map(|(kind, count, first)| {
            let more = if *count > 1 { ", ..." } else { "" };
            format!("{count} {kind} ({first}{more})")
        });
        let mut described = named.collect::<Vec<_>>().join(", ");
        if kinds.len() > MAX_NAMED {
            described.push_str(&format!(" and {} more kinds", kinds.len() - MAX_NAMED));
        }
        described
    }

    /// Returns a sentence about what is passed over in the source at `place`, if anything is.
    pub(crate) fn sentence(&self, place: &str) -> Option<String> {
        match self.count() {
            0 => None,
            1 => Some(format!("1 file or directory of {place} is not used: {}.", self.describe())),
            count => Some(format!("{count} files or directories of {place} are not used: {}.", self.describe())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_counted_and_the_most_frequent_is_first() {
        let mut passed_over = PassedOver::default();
        assert_eq!(passed_over.sentence("data"), None);
        passed_over.add("hidden", ".DS_Store");
        let mut more = PassedOver::default();
        more.add(".txt", "cat/1.txt");
        more.add(".txt", "cat/2.txt");
        passed_over.extend(more);
        assert_eq!(
            passed_over.sentence("data").unwrap(),
            "3 files or directories of data are not used: 2 .txt (cat/1.txt, ...), 1 hidden (.DS_Store)."
        );
    }
}
