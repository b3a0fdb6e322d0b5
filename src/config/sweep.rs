//! `[sweep]`: every combination of the listed values.

use crate::config::diagnostic::{Problem, Problems};
use crate::config::node::{Entry, Node, Value};
use crate::config::setting::{Override, Segment, parse_path, set};
use crate::config::source::{Place, Source};
use std::collections::HashSet;

/// Most combinations.
const MOST_VARIANTS: usize = 10_000;

/// Keys that are the study's and not a variant's.
const NOT_SWEPT: [&str; 3] = ["name", "report", "sweep"];

/// A swept key with its values.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    path: Vec<Segment>,
    values: Vec<Node>,
}

impl Axis {
    fn name(&self) -> String {
        self.path.iter().map(|segment| segment.name.as_str()).collect::<Vec<_>>().join(".")
    }
}

/// Takes the `[sweep]` out of the tree. Keys set on the command line are no longer swept.
pub(super) fn take(root: &mut Node, overrides: &[Override], sources: &[Source], problems: &mut Problems) -> Vec<Axis> {
    let section = root.entry("sweep").map(|entry| entry.key_place);
    let (Some(place), Some(sweep)) = (section, root.remove(&["sweep".into()])) else { return Vec::new() };
    let Value::Table(entries) = sweep.value else {
        problems.report(Problem::new(place, format!("`sweep`: expected a table, found {}", sweep.kind())));
        return Vec::new();
    };
    let mut axes = Vec::new();
    collect(entries, &[], sources, problems, &mut axes);
    axes.retain(|axis| !overrides.iter().any(|setting| setting.covers(&axis.path)));
    if variant_count(&axes).is_none() {
        problems.report(
            Problem::new(place, format!("the sweep has more than {MOST_VARIANTS} combinations"))
                .help("every combination of its values is run: list fewer values"),
        );
        axes.clear();
    }
    axes
}

/// Lists under a quoted path, or under tables: `"a.b" = [...]` and `a.b = [...]` are the same.
fn collect(entries: Vec<Entry>, above: &[Segment], sources: &[Source], problems: &mut Problems, axes: &mut Vec<Axis>) {
    for entry in entries {
        let path = match key_path(&entry, sources) {
            Ok(path) => [above, &path].concat(),
            Err(problem) => {
                problems.report(problem);
                continue;
            }
        };
        match entry.node.value {
            Value::Table(entries) if !entries.is_empty() => collect(entries, &path, sources, problems, axes),
            Value::List(values) => axes.extend(axis(path, values, entry.node.place, axes, sources, problems)),
            _ => problems.report(
                Problem::new(entry.node.place, format!("expected a list of values, found {}", entry.node.kind()))
                    .help("each swept key has a list of the values to be tried"),
            ),
        }
    }
}

/// The path that a key of the sweep names, each name at its place within the quotes.
fn key_path(entry: &Entry, sources: &[Source]) -> Result<Vec<Segment>, Problem> {
    let written = sources.get(entry.key_place.source as usize).map_or("", |source| source.slice(entry.key_place));
    let start = entry.key_place.range().start;
    let offset = if written == entry.key { start } else { start + 1 };
    let mut path = parse_path(&entry.key, entry.key_place.source, offset)?;
    if !written.contains(&entry.key) {
        // The key is written with escapes, so its names have no places of their own.
        path.iter_mut().for_each(|segment| segment.place = entry.key_place);
    }
    Ok(path)
}

fn axis(
    path: Vec<Segment>,
    values: Vec<Node>,
    place: Place,
    axes: &[Axis],
    sources: &[Source],
    problems: &mut Problems,
) -> Option<Axis> {
    let axis = Axis { path, values };
    let first = axis.path.first()?;
    if NOT_SWEPT.contains(&first.name.as_str()) {
        problems.report(Problem::new(first.place, format!("`{}` cannot be swept", first.name)));
        return None;
    }
    if axes.iter().any(|other| other.name() == axis.name()) {
        problems.report(Problem::new(first.place, format!("`{}` is swept twice", axis.name())));
        return None;
    }
    if axis.values.is_empty() {
        problems.report(Problem::new(place, "the list of values is empty").help("list at least one value"));
        return None;
    }
    let mut seen = HashSet::new();
    for value in &axis.values {
        let text = written(value, sources);
        if seen.contains(&text) {
            problems.report(Problem::new(value.place, format!("the value {text} is listed twice")));
        }
        seen.insert(text);
    }
    Some(axis)
}

/// A value as it is written, in one line.
fn written(value: &Node, sources: &[Source]) -> String {
    let source = sources.get(value.place.source as usize);
    source.map_or("", |source| source.slice(value.place)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// How many combinations there are; none where there are too many.
fn variant_count(axes: &[Axis]) -> Option<usize> {
    axes.iter()
        .try_fold(1usize, |count, axis| count.checked_mul(axis.values.len()))
        .filter(|count| *count <= MOST_VARIANTS)
}

/// One value for each swept key.
#[derive(Clone, Debug)]
pub(super) struct Combination<'a> {
    values: Vec<(&'a Axis, &'a Node)>,
}

/// Every combination of the values, the first key slowest; one empty combination where nothing is swept.
pub(super) fn combinations(axes: &[Axis]) -> impl Iterator<Item = Combination<'_>> {
    (0..variant_count(axes).unwrap_or(0)).map(move |number| {
        let mut rest = number;
        let mut values: Vec<_> = axes
            .iter()
            .rev()
            .map(|axis| {
                let value = &axis.values[rest % axis.values.len()];
                rest /= axis.values.len();
                (axis, value)
            })
            .collect();
        values.reverse();
        Combination { values }
    })
}

impl Combination<'_> {
    /// Puts the values into a tree.
    pub(super) fn apply(&self, root: &mut Node, problems: &mut Problems) {
        for (axis, value) in &self.values {
            if let Err(problem) = set(root, &axis.path, (*value).clone()) {
                problems.report(problem);
            }
        }
    }

    /// The values as (dotted path, TOML text).
    pub(super) fn settings(&self, sources: &[Source]) -> Vec<(String, String)> {
        self.values.iter().map(|(axis, value)| (axis.name(), written(value, sources))).collect()
    }
}
