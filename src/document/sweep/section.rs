//! Reads `[sweep]`.

use super::axis::{Axis, SweptKey};
use super::distinct::{Clash, SweptPaths};
use super::{MAX_VARIANTS, variant_count};
use crate::document::diagnostic::{Problem, Problems};
use crate::document::node::{Entry, Node, Value};
use crate::document::schema;
use crate::document::setting::{Override, Segment, parse_path};
use crate::document::source::{Place, Source};
use crate::document::written::inline;
use serde_json::Value as Schema;
use std::collections::HashSet;

/// The key of the groups of keys that go together.
pub(in crate::document) const TOGETHER: &str = "together";

/// Takes the `[sweep]` out of the tree. Keys set on the command line are no longer swept. Groups come after the other
/// keys.
pub(in crate::document) fn take(
    root: &mut Node,
    overrides: &[Override],
    schema: &'static Schema,
    sources: &[Source],
    problems: &mut Problems,
) -> Vec<Axis> {
    let section = root.entry("sweep").map(|entry| entry.key_place);
    let (Some(place), Some(sweep)) = (section, root.remove(&["sweep".into()])) else { return Vec::new() };
    let Value::Table(entries) = sweep.value else {
        problems.report(Problem::new(place, format!("`sweep`: expected a table, found {}", sweep.kind())));
        return Vec::new();
    };
    let mut section = Section { schema, sources, problems, seen: SweptPaths::default() };
    let axes: Vec<Axis> = section.axes(entries).into_iter().filter_map(|axis| axis.without(overrides)).collect();
    if variant_count(&axes).is_none() {
        problems.report(
            Problem::new(place, format!("the sweep has more than {MAX_VARIANTS} combinations"))
                .help("every combination of its values is run: list fewer values"),
        );
        return Vec::new();
    }
    axes
}

struct Section<'a> {
    schema: &'static Schema,
    sources: &'a [Source],
    problems: &'a mut Problems,
    seen: SweptPaths,
}

impl Section<'_> {
    fn axes(&mut self, entries: Vec<Entry>) -> Vec<Axis> {
        let (groups, keys): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| entry.key == TOGETHER);
        let keys = self.keys(keys, &[]);
        let of_one = |key: SweptKey| {
            self.all_differ(std::slice::from_ref(&key));
            Axis { keys: vec![key], is_group: false }
        };
        let mut axes: Vec<Axis> = keys.into_iter().map(of_one).collect();
        axes.extend(groups.into_iter().flat_map(|entry| self.groups(entry)));
        axes
    }

    /// `together`: a group, or a list of groups.
    fn groups(&mut self, entry: Entry) -> Vec<Axis> {
        let place = entry.node.place;
        match entry.node.value {
            Value::Table(entries) => self.group(entries, entry.key_place).into_iter().collect(),
            Value::List(items) if !items.is_empty() => items.into_iter().filter_map(|item| self.item(item)).collect(),
            _ => {
                let message = match entry.node.value {
                    Value::List(_) => "the list of groups is empty".to_owned(),
                    _ => format!("`{TOGETHER}`: expected a table, found {}", entry.node.kind()),
                };
                self.problems.report(Problem::new(place, message).help(GROUP_HELP));
                Vec::new()
            }
        }
    }

    fn item(&mut self, item: Node) -> Option<Axis> {
        match item.value {
            Value::Table(entries) => self.group(entries, item.place),
            _ => {
                let message = format!("`{TOGETHER}`: expected a table, found {}", item.kind());
                self.problems.report(Problem::new(item.place, message).help(GROUP_HELP));
                None
            }
        }
    }

    fn group(&mut self, entries: Vec<Entry>, place: Place) -> Option<Axis> {
        if entries.is_empty() {
            self.problems.report(Problem::new(place, "the group has no keys").help(GROUP_HELP));
            return None;
        }
        let keys = self.keys(entries, &[]);
        let first = keys.first()?;
        let mut is_even = true;
        for other in keys.iter().filter(|other| other.values.len() != first.values.len()) {
            is_even = false;
            let message =
                format!("`{}` has {}, and `{}` has {}", other.name(), values_of(other), first.name(), values_of(first));
            self.problems.report(
                Problem::new(other.place, message)
                    .help("keys that go together have equally many: the first value of each is run, then the second"),
            );
        }
        if is_even {
            self.all_differ(&keys);
        }
        is_even.then_some(Axis { keys, is_group: true })
    }

    /// Lists under a quoted path, or under tables: `"a.b" = [...]` and `a.b = [...]` are the same.
    fn keys(&mut self, entries: Vec<Entry>, above: &[Segment]) -> Vec<SweptKey> {
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
                Value::Table(entries) if !entries.is_empty() => keys.extend(self.keys(entries, &path)),
                Value::List(values) => keys.extend(self.key(path, values, entry.node.place)),
                _ => self.problems.report(
                    Problem::new(entry.node.place, format!("expected a list of values, found {}", entry.node.kind()))
                        .help("each swept key has a list of the values to be tried"),
                ),
            }
        }
        keys
    }

    /// The path that a key of the sweep names, each name at its place within the quotes.
    fn path(&self, entry: &Entry) -> Result<Vec<Segment>, Problem> {
        let source = self.sources.get(entry.key_place.source as usize);
        let written = source.map_or("", |source| source.slice(entry.key_place));
        let start = entry.key_place.range().start;
        let offset = if written == entry.key { start } else { start + 1 };
        let mut path = parse_path(&entry.key, entry.key_place.source, offset)?;
        if !written.contains(&entry.key) {
            // The key is written with escapes, so its names have no places of their own.
            path.iter_mut().for_each(|segment| segment.place = entry.key_place);
        }
        Ok(path)
    }

    fn key(&mut self, path: Vec<Segment>, values: Vec<Node>, place: Place) -> Option<SweptKey> {
        let key = SweptKey { path, values, place };
        let first = key.path.first()?;
        let problem = if schema::is_of_whole_file(self.schema, &first.name) {
            Problem::new(first.place, format!("`{}` cannot be swept", first.name))
                .help("it belongs to the study as a whole: write a file for each")
        } else if let Err(clash) = self.seen.insert(key.names().map(str::to_owned).collect()) {
            clash_problem(&key, first.place, clash)
        } else if key.values.is_empty() {
            Problem::new(place, "the list of values is empty").help("list at least one value")
        } else {
            return Some(key);
        };
        self.problems.report(problem);
        None
    }

    /// No two steps of an axis are the same.
    fn all_differ(&mut self, keys: &[SweptKey]) {
        let mut seen = HashSet::new();
        let Some((first, others)) = keys.split_first() else { return };
        for (step, value) in first.values.iter().enumerate() {
            let beside = others.iter().filter_map(|key| key.values.get(step));
            let text: Vec<String> =
                [value].into_iter().chain(beside).map(|value| inline(value, self.sources)).collect();
            let message = match others {
                [] => format!("the value {} is listed twice", text.join(", ")),
                _ => format!("the values {} are listed together twice", text.join(", ")),
            };
            if !seen.insert(text) {
                self.problems.report(Problem::new(value.place, message).help("take one of the two out"));
            }
        }
    }
}

const GROUP_HELP: &str = "a group is a table of paths with lists of equal length below `[[sweep.together]]`";

fn values_of(key: &SweptKey) -> String {
    match key.values.len() {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

fn clash_problem(key: &SweptKey, place: Place, clash: Clash) -> Problem {
    let name = key.name();
    let (message, help) = match clash {
        Clash::Twice => (format!("`{name}` is swept twice"), "put all values into one list"),
        Clash::Within(outer) => {
            (format!("`{name}` lies within `{outer}`, which is swept too"), "sweep one of the two, with whole values")
        }
        Clash::Around(inner) => {
            (format!("`{inner}` lies within `{name}`, which is swept too"), "sweep one of the two, with whole values")
        }
    };
    Problem::new(place, message).help(help)
}
