//! Reading of `[sweep]`.

use super::axis::{Axis, SweptKey};
use super::distinct::{PathConflict, SweptPaths};
use super::{MAX_VARIANTS, variant_count};
use crate::document::diagnostic::{Problem, Problems};
use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::schema;
use crate::document::setting::{Override, Segment, parse_path};
use crate::document::source::{SourceText, Span};
use crate::document::written::inline;
use serde_json::Value as Schema;
use std::collections::HashSet;

/// The key of the groups of keys that vary together.
/// Keys that apply to the whole study, not to a variant.
pub(crate) const TOGETHER: &str = "together";

/// Removes `[sweep]` from the tree and returns its axes, groups after the other keys. Keys set on the command line are
/// no longer swept.
pub(crate) fn take(
    root: &mut TomlNode,
    overrides: &[Override],
    schema: &'static Schema,
    sources: &[SourceText],
    problems: &mut Problems,
) -> Vec<Axis> {
    let section = root.entry("sweep").map(|entry| entry.key_span);
    let (Some(span), Some(sweep)) = (section, root.remove(&["sweep".into()])) else { return Vec::new() };
    let TomlValue::Table(entries) = sweep.value else {
        problems.report(Problem::new(span, format!("`sweep`: expected a table, found {}", sweep.description())));
        return Vec::new();
    };
    let mut section = SweepReader { schema, sources, problems, seen: SweptPaths::default() };
    let axes: Vec<Axis> = section.axes(entries).into_iter().filter_map(|axis| axis.without(overrides)).collect();
    if variant_count(&axes).is_none() {
        problems.report(
            Problem::new(span, format!("the sweep has more than {MAX_VARIANTS} combinations"))
                .help("every combination of its values is run: sweep fewer values"),
        );
        return Vec::new();
    }
    axes
}

struct SweepReader<'a> {
    schema: &'static Schema,
    sources: &'a [SourceText],
    problems: &'a mut Problems,
    seen: SweptPaths,
}

impl SweepReader<'_> {
    fn axes(&mut self, entries: Vec<TableEntry>) -> Vec<Axis> {
        let (groups, keys): (Vec<TableEntry>, Vec<TableEntry>) =
            entries.into_iter().partition(|entry| entry.key == TOGETHER);
        let keys = self.keys(keys, &[]);
        let of_one = |key: SweptKey| {
            self.check_distinct(std::slice::from_ref(&key));
            Axis { keys: vec![key], is_group: false }
        };
        let mut axes: Vec<Axis> = keys.into_iter().map(of_one).collect();
        axes.extend(groups.into_iter().flat_map(|entry| self.groups(entry)));
        axes
    }

    /// Reads `together`: a group, or a list of groups.
    fn groups(&mut self, entry: TableEntry) -> Vec<Axis> {
        let span = entry.node.span;
        match entry.node.value {
            TomlValue::Table(entries) => self.group(entries, entry.key_span).into_iter().collect(),
            TomlValue::Array(items) if !items.is_empty() => {
                items.into_iter().filter_map(|item| self.item(item)).collect()
            }
            _ => {
                let message = match entry.node.value {
                    TomlValue::Array(_) => "the list of groups is empty".to_owned(),
                    _ => format!("`{TOGETHER}`: expected a table, found {}", entry.node.description()),
                };
                self.problems.report(Problem::new(span, message).help(GROUP_HELP));
                Vec::new()
            }
        }
    }

    fn item(&mut self, item: TomlNode) -> Option<Axis> {
        match item.value {
            TomlValue::Table(entries) => self.group(entries, item.span),
            _ => {
                let message = format!("`{TOGETHER}`: expected a table, found {}", item.description());
                self.problems.report(Problem::new(item.span, message).help(GROUP_HELP));
                None
            }
        }
    }

    fn group(&mut self, entries: Vec<TableEntry>, span: Span) -> Option<Axis> {
        if entries.is_empty() {
            self.problems.report(Problem::new(span, "the group has no keys").help(GROUP_HELP));
            return None;
        }
        let keys = self.keys(entries, &[]);
        let first = keys.first()?;
        let mut has_equal_lengths = true;
        for other in keys.iter().filter(|other| other.values.len() != first.values.len()) {
            has_equal_lengths = false;
            let message =
                format!("`{}` has {}, but `{}` has {}", other.name(), values_of(other), first.name(), values_of(first));
            self.problems.report(Problem::new(other.span, message).help(
                "keys of a group need the same number of values: the first value of each is run, then the second",
            ));
        }
        if has_equal_lengths {
            self.check_distinct(&keys);
        }
        has_equal_lengths.then_some(Axis { keys, is_group: true })
    }

    /// Reads lists under quoted paths or under tables: `"a.b" = [...]` and `a.b = [...]` are the same.
    fn keys(&mut self, entries: Vec<TableEntry>, above: &[Segment]) -> Vec<SweptKey> {
        let mut keys = Vec::new();
        for entry in entries {
            let path = match self.path(&entry) {
                Ok(path) => [above, &path].concat(),
                Err(problem) => {
                    self.problems.report(problem);
                    continue;
                }
            };
            match entry.node.value {
                TomlValue::Table(entries) if !entries.is_empty() => keys.extend(self.keys(entries, &path)),
                TomlValue::Array(values) => keys.extend(self.key(path, values, entry.node.span)),
                _ => self.problems.report(
                    Problem::new(
                        entry.node.span,
                        format!("expected a list of values, found {}", entry.node.description()),
                    )
                    .help("write a list of the values to try"),
                ),
            }
        }
        keys
    }

    /// Parses the path that a key of the sweep names; each name has its own span within the quotes.
    fn path(&self, entry: &TableEntry) -> Result<Vec<Segment>, Problem> {
        let source = self.sources.get(entry.key_span.source as usize);
        let written = source.map_or("", |source| source.slice(entry.key_span));
        let start = entry.key_span.range().start;
        let offset = if written == entry.key { start } else { start + 1 };
        let mut path = parse_path(&entry.key, entry.key_span.source, offset)?;
        if !written.contains(&entry.key) {
            // The key contains escapes, so its names have no spans of their own.
            path.iter_mut().for_each(|segment| segment.span = entry.key_span);
        }
        Ok(path)
    }

    fn key(&mut self, path: Vec<Segment>, values: Vec<TomlNode>, span: Span) -> Option<SweptKey> {
        let key = SweptKey { path, values, span };
        let first = key.path.first()?;
        let problem = if schema::is_of_whole_file(self.schema, &first.name) {
            Problem::new(first.span, format!("`{}` cannot be swept", first.name))
                .help("it applies to the whole study: write one file per value")
        } else if let Err(conflict) = self.seen.insert(key.names().map(str::to_owned).collect()) {
            conflict_problem(&key, first.span, conflict)
        } else if key.values.is_empty() {
            Problem::new(span, "the list of values is empty").help("list at least one value")
        } else {
            return Some(key);
        };
        self.problems.report(problem);
        None
    }

    /// Reports steps of an axis that are equal.
    fn check_distinct(&mut self, keys: &[SweptKey]) {
        let mut seen = HashSet::new();
        let Some((first, others)) = keys.split_first() else { return };
        for (step, value) in first.values.iter().enumerate() {
            let other_values = others.iter().filter_map(|key| key.values.get(step));
            let text: Vec<String> =
                [value].into_iter().chain(other_values).map(|value| inline(value, self.sources)).collect();
            let message = match others {
                [] => format!("the value {} is listed twice", text.join(", ")),
                _ => format!("the combination {} is listed twice", text.join(", ")),
            };
            if !seen.insert(text) {
                self.problems.report(Problem::new(value.span, message).help("remove one of the two"));
            }
        }
    }
}

const GROUP_HELP: &str = "write a group as `[[sweep.together]]` with paths and lists of equal length";

fn values_of(key: &SweptKey) -> String {
    match key.values.len() {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

fn conflict_problem(key: &SweptKey, span: Span, conflict: PathConflict) -> Problem {
    let name = key.name();
    let (message, help) = match conflict {
        PathConflict::Duplicate => (format!("`{name}` is swept twice"), "list all values under one key"),
        PathConflict::Inside(outer) => {
            (format!("`{name}` is inside `{outer}`, which is also swept"), "sweep only one of the two")
        }
        PathConflict::Contains(inner) => {
            (format!("`{inner}` is inside `{name}`, which is also swept"), "sweep only one of the two")
        }
    };
    Problem::new(span, message).help(help)
}
