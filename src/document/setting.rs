//! Values set by path: `--set path=value` and `[sweep]`.

use crate::base::nearest::{listed, nearest};
use crate::document::diagnostic::{Problem, Problems};
use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::schema;
use crate::document::source::Span;
use crate::document::text::parse_value as parse_toml;
use serde_json::Value as Schema;
use std::ops::Range;

/// Sections that hold named tables.
/// The key that names the base file.
pub(crate) const EXTENDS: &str = "extends";

/// Maximum number of names in a dotted path.
const MAX_SEGMENTS: usize = 32;

/// One name of a dotted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    pub(crate) span: Span,
}

/// Parses a dotted path that starts at byte `offset` of the source.
pub(crate) fn parse_path(text: &str, source: u32, offset: usize) -> Result<Vec<Segment>, Problem> {
    let span = |range: Range<usize>| Span::new(source, range).moved(offset);
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        let (name, end) =
            parse_segment(text, at).map_err(|message| Problem::new(span(at..text.len()), message).help(PATH_HELP))?;
        segments.push(Segment { name, span: span(at..end) });
        match text[end..].chars().next() {
            None => break,
            Some('.') if segments.len() < MAX_SEGMENTS => at = end + 1,
            Some('.') => return Err(Problem::new(span(0..text.len()), "the path is too long").help(PATH_HELP)),
            Some(_) => return Err(Problem::new(span(end..text.len()), "expected `.` or the end of the path")),
        }
    }
    Ok(segments)
}

const PATH_HELP: &str = "a path is a list of keys separated by dots: section.name.key";

/// Parses the name that starts at byte `at`; returns it with the end byte.
fn parse_segment(text: &str, at: usize) -> Result<(String, usize), &'static str> {
    let rest = &text[at..];
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let end = rest[1..].find(quote).ok_or("the quote is not closed")?;
        return Ok((rest[1..=end].to_owned(), at + end + 2));
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len());
    if end == 0 { Err("expected a key") } else { Ok((rest[..end].to_owned(), at + end)) }
}

/// Sets the value at a path, creating missing tables.
pub(crate) fn set(
    root: &mut TomlNode,
    path: &[Segment],
    value: TomlNode,
    schema: &'static Schema,
) -> Result<(), Problem> {
    require_named_table(root, path, schema)?;
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    let mut node = root;
    let mut parent = "the file".to_owned();
    for segment in parents {
        node = descend(node, segment, &parent)?;
        parent = format!("`{}`", segment.name);
    }
    match &mut node.value {
        TomlValue::Table(entries) => {
            let entry = TableEntry { key: last.name.clone(), key_span: last.span, node: value };
            match entries.iter_mut().find(|other| other.key == entry.key) {
                Some(other) => *other = entry,
                None => entries.push(entry),
            }
            Ok(())
        }
        TomlValue::Array(items) => {
            *element(items, last, &parent)? = value;
            Ok(())
        }
        _ => Err(not_a_table(last, &parent)),
    }
}

fn descend<'a>(node: &'a mut TomlNode, segment: &Segment, parent: &str) -> Result<&'a mut TomlNode, Problem> {
    match &mut node.value {
        TomlValue::Table(entries) => {
            let index = entries.iter().position(|entry| entry.key == segment.name).unwrap_or_else(|| {
                let node = TomlNode::empty_table(segment.span);
                entries.push(TableEntry { key: segment.name.clone(), key_span: segment.span, node });
                entries.len() - 1
            });
            Ok(&mut entries[index].node)
        }
        TomlValue::Array(items) => element(items, segment, parent),
        _ => Err(not_a_table(segment, parent)),
    }
}

fn element<'a>(items: &'a mut [TomlNode], segment: &Segment, parent: &str) -> Result<&'a mut TomlNode, Problem> {
    let count = items.len();
    segment.name.parse::<usize>().ok().and_then(|index| items.get_mut(index)).ok_or_else(|| {
        Problem::new(segment.span, format!("{parent} has no element `{}`", segment.name)).help(match count {
            0 => "the list is empty".to_owned(),
            _ => format!("its elements are 0 to {}", count - 1),
        })
    })
}

fn not_a_table(segment: &Segment, parent: &str) -> Problem {
    Problem::new(segment.span, format!("{parent} is not a table, so it has no key `{}`", segment.name))
}

/// Checks that a path into a section of named tables refers to an existing table.
fn require_named_table(root: &TomlNode, path: &[Segment], schema: &'static Schema) -> Result<(), Problem> {
    let [section, name, _, ..] = path else { return Ok(()) };
    if !schema::named_sections(schema).any(|named| named == section.name) {
        return Ok(());
    }
    let names = || root.entry(&section.name).map_or(&[][..], |entry| entry.node.entries()).iter();
    if names().any(|entry| entry.key == name.name) {
        return Ok(());
    }
    let near = nearest(&name.name, names().map(|entry| entry.key.as_str()));
    let existing = listed(names().map(|entry| entry.key.as_str()));
    Err(Problem::new(name.span, format!("there is no `[{}.{}]`", section.name, name.name))
        .maybe_help(near.map(|near| format!("did you mean `{near}`?")))
        .maybe_help((!existing.is_empty()).then(|| format!("defined in `{}`: {existing}", section.name))))
}

/// A `--set path=value` of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    path: Vec<Segment>,
    value: TomlNode,
}

/// Parses `path=value`: the value is TOML; a bare word is a string.
pub(crate) fn parse_override(
    text: &str,
    source: u32,
    schema: &'static Schema,
    problems: &mut Problems,
) -> Option<Override> {
    let Some(equals) = equals_sign(text) else {
        let problem = Problem::new(Span::new(source, 0..text.len()), "expected path=value");
        problems.report(problem.help(format!("for example --set {}", schema::example(schema))));
        return None;
    };
    let start = text.len() - text.trim_start().len();
    let path = parse_path(text[..equals].trim(), source, start.min(equals)).map_err(|problem| problems.report(problem));
    let value = parse_value(text, equals + 1, source).map_err(|problem| problems.report(problem));
    let (path, value) = (path.ok()?, value.ok()?);
    if let Some(first) = path.first().filter(|first| first.name == EXTENDS) {
        let problem = Problem::new(first.span, "`extends` cannot be set on the command line");
        problems.report(problem.help("write a file that extends the other one, and run it"));
        return None;
    }
    Some(Override { path, value })
}

/// Returns the byte of the first `=` outside quotes.
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

fn parse_value(text: &str, from: usize, source: u32) -> Result<TomlNode, Problem> {
    let written = text[from..].trim();
    let offset = from + (text[from..].len() - text[from..].trim_start().len());
    let span = Span::new(source, offset..offset + written.len());
    if written.is_empty() {
        return Err(Problem::new(span, "expected a value after `=`"));
    }
    match parse_toml(written, source, offset) {
        Ok(value) => Ok(value),
        Err(_) if is_bare(written) => Ok(TomlNode { span, value: TomlValue::String(written.to_owned()) }),
        Err(problem) => Err(problem.help("write the value as in the file")),
    }
}

/// Whether text that is not TOML is meant as a string without quotes.
fn is_bare(text: &str) -> bool {
    !text.starts_with(['"', '\'', '[', '{']) && !text.contains(char::is_control)
}

impl Override {
    /// Sets the value in the tree.
    pub(crate) fn apply(&self, root: &mut TomlNode, schema: &'static Schema, problems: &mut Problems) {
        if let Err(problem) = set(root, &self.path, self.value.clone(), schema) {
            problems.report(problem);
        }
    }

    /// Whether a path is the path of this setting or inside it.
    pub(crate) fn covers(&self, path: &[Segment]) -> bool {
        path.len() >= self.path.len() && self.path.iter().zip(path).all(|(one, other)| one.name == other.name)
    }
}
