//! Values set from outside the sections: by `--set path=value` and by `[sweep]`.

use crate::document::diagnostic::{Problem, Problems};
use crate::document::nearest::{listed, nearest};
use crate::document::node::{Entry, Node, Value};
use crate::document::schema;
use crate::document::source::Place;
use crate::document::text::parse_value as parse_toml;
use serde_json::Value as Schema;
use std::ops::Range;

/// The key that names the file which a file builds on.
pub(crate) const EXTENDS: &str = "extends";

/// Longest dotted path.
const MAX_SEGMENTS: usize = 32;

/// One name of a dotted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) place: Place,
}

/// Reads a dotted path; its bytes lie at `offset` of the source.
pub(crate) fn parse_path(text: &str, source: u32, offset: usize) -> Result<Vec<Segment>, Problem> {
    let place = |range: Range<usize>| Place::new(source, range).moved(offset);
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        let (name, end) =
            parse_segment(text, at).map_err(|message| Problem::new(place(at..text.len()), message).help(PATH_HELP))?;
        segments.push(Segment { name, place: place(at..end) });
        match text[end..].chars().next() {
            None => break,
            Some('.') if segments.len() < MAX_SEGMENTS => at = end + 1,
            Some('.') => return Err(Problem::new(place(0..text.len()), "the path is too long").help(PATH_HELP)),
            Some(_) => return Err(Problem::new(place(end..text.len()), "expected `.` or the end of the path")),
        }
    }
    Ok(segments)
}

const PATH_HELP: &str = "a path is made of keys with dots between them: section.name.key";

/// The name that begins at byte `at` and the byte after it.
fn parse_segment(text: &str, at: usize) -> Result<(String, usize), &'static str> {
    let rest = &text[at..];
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = rest[1..].find(quote).ok_or("the quote is not closed")?;
        return Ok((rest[1..=end].to_owned(), at + end + 2));
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len());
    if end == 0 { Err("expected a key") } else { Ok((rest[..end].to_owned(), at + end)) }
}

/// Puts a value at the end of a path, making the tables on the way.
pub(crate) fn set(root: &mut Node, path: &[Segment], value: Node, schema: &'static Schema) -> Result<(), Problem> {
    table_must_exist(root, path, schema)?;
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut node = root;
    let mut way = "the file".to_owned();
    for segment in parents {
        node = descend(node, segment, &way)?;
        way = format!("`{}`", segment.name);
    }
    match &mut node.value {
        Value::Table(entries) => {
            let entry = Entry { key: last.name.clone(), key_place: last.place, node: value };
            match entries.iter_mut().find(|other| other.key == entry.key) {
                Some(other) => *other = entry,
                None => entries.push(entry),
            }
            Ok(())
        }
        Value::List(items) => {
            *element(items, last, &way)? = value;
            Ok(())
        }
        _ => Err(no_table(last, &way)),
    }
}

fn descend<'a>(node: &'a mut Node, segment: &Segment, way: &str) -> Result<&'a mut Node, Problem> {
    match &mut node.value {
        Value::Table(entries) => {
            let index = entries.iter().position(|entry| entry.key == segment.name).unwrap_or_else(|| {
                let node = Node::empty_table(segment.place);
                entries.push(Entry { key: segment.name.clone(), key_place: segment.place, node });
                entries.len() - 1
            });
            Ok(&mut entries[index].node)
        }
        Value::List(items) => element(items, segment, way),
        _ => Err(no_table(segment, way)),
    }
}

fn element<'a>(items: &'a mut [Node], segment: &Segment, way: &str) -> Result<&'a mut Node, Problem> {
    let count = items.len();
    segment.name.parse::<usize>().ok().and_then(|index| items.get_mut(index)).ok_or_else(|| {
        Problem::new(segment.place, format!("{way} has no element `{}`", segment.name)).help(match count {
            0 => "the list is empty".to_owned(),
            _ => format!("its elements are 0 to {}", count - 1),
        })
    })
}

fn no_table(segment: &Segment, way: &str) -> Problem {
    Problem::new(segment.place, format!("{way} is no table and has no key `{}`", segment.name))
}

/// A path into a named section may change a table of it, and not make one.
fn table_must_exist(root: &Node, path: &[Segment], schema: &'static Schema) -> Result<(), Problem> {
    let [section, name, _, ..] = path else { return Ok(()) };
    if !schema::named_sections(schema).any(|named| named == section.name) {
        return Ok(());
    }
    let names = || root.entry(&section.name).map_or(&[][..], |entry| entry.node.entries()).iter();
    if names().any(|entry| entry.key == name.name) {
        return Ok(());
    }
    let near = nearest(&name.name, names().map(|entry| entry.key.as_str()));
    let there = listed(names().map(|entry| entry.key.as_str()));
    Err(Problem::new(name.place, format!("there is no `[{}.{}]`", section.name, name.name))
        .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
        .maybe_help((!there.is_empty()).then(|| format!("`{}` has {there}", section.name))))
}

/// A `--set path=value` of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    path: Vec<Segment>,
    value: Node,
}

/// Reads `path=value`: the value is TOML; a bare word is a string.
pub(crate) fn parse_override(
    text: &str,
    source: u32,
    schema: &'static Schema,
    problems: &mut Problems,
) -> Option<Override> {
    let Some(equals) = equals_sign(text) else {
        let problem = Problem::new(Place::new(source, 0..text.len()), "expected path=value");
        problems.report(problem.help(format!("for example --set {}", schema::example(schema))));
        return None;
    };
    let start = text.len() - text.trim_start().len();
    let path = parse_path(text[..equals].trim(), source, start.min(equals)).map_err(|problem| problems.report(problem));
    let value = parse_value(text, equals + 1, source).map_err(|problem| problems.report(problem));
    let (path, value) = (path.ok()?, value.ok()?);
    if let Some(first) = path.first().filter(|first| first.name == EXTENDS) {
        let problem = Problem::new(first.place, "`extends` cannot be set on the command line");
        problems.report(problem.help("write a file of its own that extends the other one, and run that"));
        return None;
    }
    Some(Override { path, value })
}

/// The first `=` outside of quotes.
fn equals_sign(text: &str) -> Option<usize> {
    let mut quote = None;
    text.char_indices().find_map(|(at, c)| {
        match (quote, c) {
            (None, '=') => return Some(at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
        None
    })
}

fn parse_value(text: &str, from: usize, source: u32) -> Result<Node, Problem> {
    let written = text[from..].trim();
    let offset = from + (text[from..].len() - text[from..].trim_start().len());
    let place = Place::new(source, offset..offset + written.len());
    if written.is_empty() {
        return Err(Problem::new(place, "expected a value after `=`"));
    }
    match parse_toml(written, source, offset) {
        Ok(value) => Ok(value),
        Err(_) if is_bare(written) => Ok(Node { place, value: Value::Text(written.to_owned()) }),
        Err(problem) => Err(problem.help("the value is written as in the file")),
    }
}

/// Whether text that is no TOML is meant as a string without its quotes.
fn is_bare(text: &str) -> bool {
    !text.starts_with(['"', '\'', '[', '{']) && !text.contains(char::is_control)
}

impl Override {
    /// Sets the value in the tree; the sweep of the same key, or of keys in it, is dropped.
    pub(crate) fn apply(&self, root: &mut Node, schema: &'static Schema, problems: &mut Problems) {
        if let Err(problem) = set(root, &self.path, self.value.clone(), schema) {
            problems.report(problem);
        }
    }

    /// Whether a path is the one that this sets, or lies within it.
    pub(crate) fn covers(&self, path: &[Segment]) -> bool {
        path.len() >= self.path.len() && self.path.iter().zip(path).all(|(one, other)| one.name == other.name)
    }
}
