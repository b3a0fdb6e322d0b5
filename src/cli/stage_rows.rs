//! Rows of a list of stages: stages that differ only in depth, labels or swept settings are one row.

use std::collections::HashMap;
use std::hash::Hash;

/// Number of similar stages from which they are one row.
const MIN_GROUPED: usize = 3;

/// One row of a list: a stage, or several similar ones.
pub(super) struct StageRow<'a, T> {
    /// `split`, or `linear_eval.main[...]  x 24`.
    pub(super) name: String,
    /// Its stages; never empty.
    pub(super) stages: Vec<&'a T>,
}

impl<'a, T> StageRow<'a, T> {
    /// Returns the first stage.
    pub(super) fn first(&self) -> &'a T {
        self.stages[0]
    }

    /// Returns whether the row stands for several stages.
    pub(super) fn is_group(&self) -> bool {
        self.stages.len() > 1
    }

    /// Returns what a property is for all stages; `None` if it differs.
    pub(super) fn common<V: PartialEq>(&self, property: impl Fn(&T) -> V) -> Option<V> {
        let value = property(self.first());
        self.stages.iter().all(|stage| property(stage) == value).then_some(value)
    }

    /// Describes the stages in a text each: that of all, or the first and the number of others.
    pub(super) fn text(&self, of: impl Fn(&T) -> String) -> String {
        let mut texts: Vec<String> = Vec::new();
        for text in self.stages.iter().map(|stage| of(stage)) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        match texts.as_slice() {
            [first, more @ ..] if !more.is_empty() => format!("{first}, and {} more", more.len()),
            [only, ..] => only.clone(),
            [] => String::new(),
        }
    }
}

/// Returns the name of a stage up to its brackets: `linear_eval.main` for `linear_eval.main[depth 0, 10 % labels]`.
pub(super) fn stem(name: &str) -> &str {
    name.split_once('[').map_or(name, |(stem, _)| stem)
}

/// Returns the rows in the order of the first stage of each. Stages with brackets in their names are grouped if stem and
/// `key` are equal, unless `all` are wanted.
pub(super) fn stage_rows<'a, T, K: Eq + Hash>(
    stages: &'a [T],
    all: bool,
    name: impl Fn(&'a T) -> &'a str,
    key: impl Fn(&'a T) -> K,
) -> Vec<StageRow<'a, T>> {
    let group = |stage: &'a T| (stem(name(stage)), key(stage));
    let mut groups: HashMap<(&'a str, K), Vec<&'a T>> = HashMap::new();
    for stage in stages.iter().filter(|stage| !all && name(stage).contains('[')) {
        groups.entry(group(stage)).or_default().push(stage);
    }
    groups.retain(|_, members| members.len() >= MIN_GROUPED);
    let mut rows = Vec::new();
    for stage in stages {
        let is_first = |members: &&Vec<&'a T>| std::ptr::eq(members[0], stage);
        match groups.get(&group(stage)).filter(|_| name(stage).contains('[')) {
            Some(members) if is_first(&members) => {
                let name = format!("{}[...]  x {}", stem(name(stage)), members.len());
                rows.push(StageRow { name, stages: members.clone() });
            }
            Some(_) => {}
            None => rows.push(StageRow { name: name(stage).to_owned(), stages: vec![stage] }),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_stages_are_one_row_at_the_place_of_the_first() {
        let names = ["a[1]", "split", "a[2]", "b[1]", "a[3]", "b[2]"].map(str::to_owned);
        let rows = |all, key: fn(&String) -> bool| {
            let rows = stage_rows(&names, all, |name| name, key);
            rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
        };
        assert_eq!(rows(false, |_| true), ["a[...]  x 3", "split", "b[1]", "b[2]"], "two are not grouped");
        assert_eq!(rows(true, |_| true), names);
        assert_eq!(rows(false, |name| name == "a[2]"), names, "the keys differ");
    }

    #[test]
    fn texts_that_differ_are_counted() {
        let texts = ["new", "loss 1", "new"].map(str::to_owned);
        let row = StageRow { name: String::new(), stages: texts.iter().collect() };
        assert_eq!(row.text(String::clone), "new, and 1 more");
        assert_eq!((row.common(String::len), row.common(|_| 1)), (None, Some(1)));
    }
}
