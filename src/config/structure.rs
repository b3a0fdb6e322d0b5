//! Holds the tree to the schema: unknown and missing keys, wrong types, unknown alternatives, all of them at once.
//! What is reported is taken out of the tree, and what must be there is filled in, so that the rest can be read.

use crate::config::diagnostic::{Problem, Problems};
use crate::config::nearest::{listed, nearest};
use crate::config::node::{Entry, Node, Value};
use crate::config::placeholder;
use crate::config::schema::{self, Alternative};
use crate::config::setting::NAMED_SECTIONS;
use crate::config::source::Place;
use serde_json::Value as Schema;
use std::collections::BTreeSet;

/// Sections and named tables in which something was wrong: (`pretrain`, `main`), (`dataset`, ``).
pub(super) type Tainted = BTreeSet<(String, String)>;

/// Checks the tree of a pipeline file and takes out what is wrong.
pub(super) fn check(root: &mut Node, problems: &mut Problems) -> Tainted {
    let mut walk = Walk { problems: Some(problems), tainted: Tainted::new() };
    walk.value(root, schema::root(), &Scope::of_file(root.place));
    walk.tainted
}

/// Fills in what must be there and has been taken out; reports nothing.
pub(super) fn fill(root: &mut Node) {
    let mut walk = Walk { problems: None, tainted: Tainted::new() };
    walk.value(root, schema::root(), &Scope::of_file(root.place));
}

/// Where the walk is.
struct Scope<'a> {
    parent: Option<&'a Scope<'a>>,
    key: &'a str,
    place: Place,
    /// An element of the list under the key.
    is_element: bool,
}

impl Scope<'_> {
    fn of_file(place: Place) -> Self {
        Self { parent: None, key: "", place, is_element: false }
    }

    /// The section that the scope lies in, and the named table of it.
    fn owner(&self) -> (String, String) {
        match self.parent {
            Some(parent) if self.depth() > 2 => parent.owner(),
            Some(parent) if self.depth() == 2 && NAMED_SECTIONS.contains(&parent.key) => {
                (parent.key.to_owned(), self.key.to_owned())
            }
            Some(parent) if self.depth() == 2 => (parent.key.to_owned(), String::new()),
            _ => (self.key.to_owned(), String::new()),
        }
    }

    /// Depth below the file: 0 for the file itself, 1 for `[dataset]`, 2 for `[pretrain.main]`.
    fn depth(&self) -> usize {
        self.parent.map_or(0, |parent| parent.depth() + 1)
    }

    /// The table in words: `[pretrain.main]`, `sgd`.
    fn table(&self) -> String {
        match (self.depth(), self.parent) {
            (0, _) => "the file".to_owned(),
            (1, _) => format!("`[{}]`", self.key),
            (2, Some(parent)) => format!("`[{}.{}]`", parent.key, self.key),
            _ => format!("`{}`", self.key),
        }
    }
}

struct Walk<'a> {
    problems: Option<&'a mut Problems>,
    tainted: Tainted,
}

impl Walk<'_> {
    fn report(&mut self, scope: &Scope<'_>, problem: impl FnOnce() -> Problem) {
        if let Some(problems) = &mut self.problems {
            problems.report(problem());
            self.tainted.insert(scope.owner());
        }
    }

    /// Whether what is left of the value can be read.
    fn value(&mut self, node: &mut Node, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        let alternatives = schema::alternatives(schema);
        let place = node.place;
        match &mut node.value {
            Value::Huge(text) => {
                self.report(scope, || Problem::new(place, format!("`{}`: the number {text} is too large", scope.key)));
                false
            }
            Value::Whole(whole) if plain(&alternatives, "integer").is_some() => self.whole(*whole, place, scope),
            Value::Whole(whole) if plain(&alternatives, "number").is_some() => self.fits(*whole, place, scope),
            Value::Number(number) if plain(&alternatives, "number").is_some() => self.finite(*number, place, scope),
            Value::Truth(_) if plain(&alternatives, "boolean").is_some() => true,
            Value::Text(text) if plain(&alternatives, "string").is_some() => {
                self.word(text, &alternatives, place, scope)
            }
            Value::List(items) if plain(&alternatives, "array").is_some() => match plain(&alternatives, "array") {
                Some(schema) => self.list(items, schema, place, scope),
                None => false,
            },
            Value::Table(entries) if alternatives.iter().any(|a| matches!(a, Alternative::Choice(..))) => {
                self.choice(entries, &alternatives, scope)
            }
            Value::Table(entries) if plain(&alternatives, "object").is_some() => match plain(&alternatives, "object") {
                Some(schema) => self.table(entries, schema, scope),
                None => false,
            },
            _ => {
                self.mismatch(node, &alternatives, scope);
                false
            }
        }
    }

    fn whole(&mut self, whole: i128, place: Place, scope: &Scope<'_>) -> bool {
        if whole < 0 {
            self.report(scope, || Problem::new(place, format!("`{}` must be at least 0, got {whole}", scope.key)));
            return false;
        }
        self.fits(whole, place, scope)
    }

    fn fits(&mut self, whole: i128, place: Place, scope: &Scope<'_>) -> bool {
        let fits = i64::try_from(whole).is_ok() || u64::try_from(whole).is_ok();
        if !fits {
            self.report(scope, || Problem::new(place, format!("`{}`: the number {whole} is too large", scope.key)));
        }
        fits
    }

    fn finite(&mut self, number: f64, place: Place, scope: &Scope<'_>) -> bool {
        if !number.is_finite() {
            self.report(scope, || {
                Problem::new(place, format!("`{}` must be a finite number, got {number}", scope.key))
            });
        }
        number.is_finite()
    }

    fn word(&mut self, text: &str, alternatives: &[Alternative], place: Place, scope: &Scope<'_>) -> bool {
        let words: Vec<&str> = plains(alternatives).flat_map(schema::words).collect();
        if words.is_empty() || words.contains(&text) {
            return true;
        }
        self.report(scope, || {
            Problem::new(place, format!("unknown value \"{}\" of `{}`", shortened(text), scope.key))
                .maybe_help(nearest(text, words.iter().copied()).map(|near| format!("did you mean \"{near}\"?")))
                .help(format!("it is one of {}", quoted(&words)))
        });
        false
    }

    fn list(&mut self, items: &mut Vec<Node>, schema: &'static Schema, place: Place, scope: &Scope<'_>) -> bool {
        let size = |key: &str| schema.get(key).and_then(Schema::as_u64).and_then(|size| usize::try_from(size).ok());
        let (least, most) = (size("minItems").unwrap_or(0), size("maxItems").unwrap_or(usize::MAX));
        if !(least..=most).contains(&items.len()) {
            self.report(scope, || {
                let expected = match most {
                    usize::MAX => format!("at least {least} element{}", plural(least)),
                    _ => format!("{least} elements"),
                };
                Problem::new(place, format!("`{}` must be a list of {expected}, got {}", scope.key, items.len()))
            });
            return false;
        }
        let Some(item_schema) = schema.get("items") else { return true };
        items.retain_mut(|item| {
            let scope = Scope { parent: scope.parent, key: scope.key, place: item.place, is_element: true };
            self.value(item, item_schema, &scope)
        });
        items.len() >= least
    }

    /// A table with one key, the name of an alternative.
    fn choice(&mut self, entries: &mut [Entry], alternatives: &[Alternative], scope: &Scope<'_>) -> bool {
        let names = || choices(alternatives).map(|(name, _)| name);
        match entries {
            [] => {
                self.report(scope, || {
                    Problem::new(scope.place, format!("`{}` is empty", scope.key)).help(kinds(alternatives))
                });
                false
            }
            [entry] => match choices(alternatives).find(|(name, _)| *name == entry.key) {
                Some((_, parameters)) => self.entry(entry, parameters, scope),
                None => {
                    self.report(scope, || unknown_choice(entry, alternatives, scope));
                    false
                }
            },
            [first, second, ..] => {
                self.report(scope, || {
                    let known = |entry: &Entry| names().any(|name| name == entry.key);
                    match [&*first, &*second].into_iter().find(|entry| !known(entry)) {
                        Some(unknown) => unknown_choice(unknown, alternatives, scope),
                        None => Problem::new(
                            second.key_place,
                            format!("`{}` is both `{}` and `{}`", scope.key, first.key, second.key),
                        )
                        .help("choose one and take out the other"),
                    }
                });
                false
            }
        }
    }

    fn entry(&mut self, entry: &mut Entry, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        let scope = Scope { parent: Some(scope), key: &entry.key, place: entry.key_place, is_element: false };
        self.value(&mut entry.node, schema, &scope)
    }

    fn table(&mut self, entries: &mut Vec<Entry>, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        if let Some(item) = schema::named_entries(schema)
            && entries.iter().any(|entry| lacks_name(entry, item))
        {
            self.report(scope, || lacking_name(scope));
            return false;
        }
        for required in schema::required(schema) {
            // A key that is probably this one, misspelt, is reported as such below.
            let is_there = |entry: &Entry| entry.key == required || meant(entry, schema) == Some(required);
            if !entries.iter().any(is_there) {
                self.report(scope, || missing(required, schema, scope));
            }
        }
        entries.retain_mut(|entry| match property(schema, &entry.key) {
            Property::Known(schema) => self.entry(entry, schema, scope),
            Property::Free => true,
            Property::Unknown => {
                self.report(scope, || unknown_key(entry, schema, scope));
                false
            }
        });
        let required = schema::required(schema).collect::<Vec<_>>();
        for (key, value) in schema::properties(schema).filter(|(key, _)| required.contains(key)) {
            if !entries.iter().any(|entry| entry.key == key) {
                entries.push(placeholder::entry(key, value));
            }
        }
        true
    }

    fn mismatch(&mut self, node: &Node, alternatives: &[Alternative], scope: &Scope<'_>) {
        self.report(scope, || {
            let place = if matches!(node.value, Value::Table(_)) { scope.place } else { node.place };
            let message = format!("`{}`: expected {}, found {}", scope.key, expected(alternatives), node.kind());
            let kinds = choices(alternatives).next().map(|_| kinds(alternatives));
            Problem::new(place, message).maybe_help(conversion(node, alternatives, scope)).maybe_help(kinds)
        });
    }
}

enum Property {
    Known(&'static Schema),
    Free,
    Unknown,
}

fn property(schema: &'static Schema, key: &str) -> Property {
    match schema.get("properties").and_then(|properties| properties.get(key)) {
        Some(property) => Property::Known(property),
        None => match schema.get("additionalProperties") {
            Some(Schema::Bool(true)) | None => Property::Free,
            Some(Schema::Bool(false)) => Property::Unknown,
            Some(entry) => Property::Known(entry),
        },
    }
}

fn plains(alternatives: &[Alternative]) -> impl Iterator<Item = &'static Schema> {
    alternatives.iter().filter_map(|alternative| match alternative {
        Alternative::Plain(schema) => Some(*schema),
        Alternative::Choice(..) => None,
    })
}

fn plain(alternatives: &[Alternative], kind: &str) -> Option<&'static Schema> {
    plains(alternatives).find(|schema| schema::admits(schema, kind))
}

fn choices(alternatives: &[Alternative]) -> impl Iterator<Item = (&'static str, &'static Schema)> {
    alternatives.iter().filter_map(|alternative| match alternative {
        Alternative::Choice(name, parameters, _) => Some((*name, *parameters)),
        Alternative::Plain(_) => None,
    })
}

fn unknown_choice(entry: &Entry, alternatives: &[Alternative], scope: &Scope<'_>) -> Problem {
    let names: Vec<&str> = choices(alternatives).map(|(name, _)| name).collect();
    Problem::new(entry.key_place, format!("unknown kind `{}` of `{}`", shortened(&entry.key), scope.key))
        .maybe_help(nearest(&entry.key, names.iter().copied()).map(|near| format!("did you mean `{near}`?")))
        .help(kinds(alternatives))
}

fn kinds(alternatives: &[Alternative]) -> String {
    format!("it is one of {}", listed(choices(alternatives).map(|(name, _)| name)))
}

fn unknown_key(entry: &Entry, schema: &'static Schema, scope: &Scope<'_>) -> Problem {
    let key = shortened(&entry.key);
    let what = match (scope.depth(), &entry.node.value) {
        (0, Value::Table(_)) => format!("unknown section `[{key}]`"),
        _ => format!("unknown key `{key}`"),
    };
    let names = || schema::properties(schema).map(|(name, _)| name);
    let near = meant(entry, schema).map(|near| match NAMED_SECTIONS.contains(&near) && scope.depth() == 0 {
        true => format!("did you mean `[{near}.NAME]`?"),
        false => format!("did you mean `{near}`?"),
    });
    let elsewhere = if near.is_none() { elsewhere(&entry.key, schema) } else { None };
    let all = if names().next().is_none() {
        format!("{} takes no keys", scope.table())
    } else {
        format!("the keys of {} are {}", scope.table(), listed(names()))
    };
    Problem::new(entry.key_place, what).maybe_help(near).maybe_help(elsewhere).help(all)
}

/// The key of the table that an unknown one was probably meant to be.
fn meant(entry: &Entry, schema: &'static Schema) -> Option<&'static str> {
    match property(schema, &entry.key) {
        Property::Unknown => nearest(&entry.key, schema::properties(schema).map(|(name, _)| name)),
        _ => None,
    }
}

/// Tables that have the key which this one has not.
fn elsewhere(key: &str, schema: &'static Schema) -> Option<String> {
    /// More places than this are no help.
    const MOST: usize = 4;
    let below = schema::tables_with_key(schema, key);
    if !below.is_empty() && below.len() <= MOST {
        return Some(format!("`{key}` is a key of {}", listed(below.iter().map(String::as_str))));
    }
    let of_file = schema::properties(schema::root()).any(|(name, _)| name == key);
    of_file.then(|| format!("`{key}` belongs at the top of the file, before the first section"))
}

fn missing(key: &str, schema: &'static Schema, scope: &Scope<'_>) -> Problem {
    let (what, add) = if scope.depth() == 0 {
        (format!("the section `[{key}]` is missing"), format!("add `[{key}]` with its keys"))
    } else {
        (format!("{} lacks the key `{key}`", scope.table()), format!("add `{key}`"))
    };
    let Property::Known(property) = property(schema, key) else { return Problem::new(scope.place, what) };
    let meaning = property.get("description").and_then(Schema::as_str).unwrap_or_default().replace('\n', " ");
    let alternatives = schema::alternatives(property);
    let kinds = choices(&alternatives).next().map(|_| kinds(&alternatives));
    Problem::new(scope.place, what)
        .help(format!("{add}, {}: {}", expected(&alternatives), lower_first(meaning.trim_end_matches('.'))))
        .maybe_help(kinds)
}

fn lower_first(sentence: &str) -> String {
    let mut characters = sentence.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// Whether an entry of a section of named tables is a key that should stand in one of them.
fn lacks_name(entry: &Entry, item: &'static Schema) -> bool {
    let keys = schema::properties(schema::resolve(item));
    !matches!(entry.node.value, Value::Table(_)) && keys.into_iter().any(|(key, _)| key == entry.key)
}

fn lacking_name(scope: &Scope<'_>) -> Problem {
    Problem::new(scope.place, format!("`[{}]` needs a name of your choice", scope.key))
        .help(format!("write `[{}.main]`", scope.key))
}

/// What a value should be, in words.
fn expected(alternatives: &[Alternative]) -> String {
    if choices(alternatives).next().is_some() {
        return "a table".to_owned();
    }
    let words: Vec<&str> = plains(alternatives).flat_map(schema::words).collect();
    if !words.is_empty() {
        return format!("one of {}", quoted(&words));
    }
    plains(alternatives).map(|schema| expected_plain(schema, false)).collect::<Vec<_>>().join(" or ")
}

pub(super) fn expected_plain(schema: &'static Schema, many: bool) -> String {
    let (a, s) = if many { ("", "s") } else { ("a ", "") };
    if schema::admits(schema, "array") {
        let items = schema.get("items").map(|items| match schema::alternatives(items).as_slice() {
            [Alternative::Plain(item)] => expected_plain(item, true),
            _ => "tables".to_owned(),
        });
        let size = schema.get("maxItems").map(|size| format!("{size} ")).unwrap_or_default();
        return format!("{a}list{s} of {size}{}", items.unwrap_or_else(|| "values".to_owned()));
    }
    let names = [("string", "string"), ("integer", "whole number"), ("number", "number"), ("boolean", "boolean")];
    let name = names.iter().find(|(kind, _)| schema::admits(schema, kind)).map_or("table", |(_, name)| name);
    match name {
        "boolean" if !many => "`true` or `false`".to_owned(),
        _ => format!("{a}{name}{s}"),
    }
}

/// How the value would have to be written.
fn conversion(node: &Node, alternatives: &[Alternative], scope: &Scope<'_>) -> Option<String> {
    let key = scope.key;
    let takes = |kind| plain(alternatives, kind).is_some();
    match &node.value {
        Value::Text(text) if (takes("number") || takes("integer")) && text.parse::<f64>().is_ok() => {
            Some(format!("write it without quotes: {text}"))
        }
        Value::Text(text) if takes("boolean") && matches!(text.as_str(), "true" | "false") => {
            Some(format!("write it without quotes: {text}"))
        }
        Value::Text(text) => {
            let near = nearest(text, choices(alternatives).map(|(name, _)| name));
            let (name, parameters) = choices(alternatives).find(|(name, _)| near.is_none_or(|near| near == *name))?;
            let written = format!("{{ {name} = {} }}", with_required(parameters));
            let written = if scope.is_element { written } else { format!("{key} = {written}") };
            Some(format!("write {written}"))
        }
        Value::Number(number) if takes("integer") && number.fract() == 0.0 => Some(format!("write {number}")),
        _ if takes("array") && !matches!(node.value, Value::List(_)) => Some(format!("write a list: {key} = [...]")),
        _ if takes("object") && scope.parent.is_some_and(|parent| parent.depth() == 1) => {
            scope.parent.map(|parent| format!("write `[{}.NAME]` and the keys below it", parent.key))
        }
        Value::List(_) if takes("object") && scope.depth() == 1 => {
            Some(format!("write `[{key}.NAME]`, with a name of your choice"))
        }
        _ => None,
    }
}

/// A table with the keys that it must have.
fn with_required(schema: &'static Schema) -> String {
    let keys: Vec<String> = schema::required(schema::resolve(schema)).map(|key| format!("{key} = ...")).collect();
    if keys.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", keys.join(", ")) }
}

pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}

/// A name from the file, cut where it is too long for a sentence, control characters made visible.
fn shortened(name: &str) -> String {
    /// Characters of a name in a message.
    const LONGEST: usize = 60;
    let cut = name.char_indices().nth(LONGEST).map(|(byte, _)| byte);
    let shown = name[..cut.unwrap_or(name.len())].chars();
    let mut shown: String =
        shown.map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect();
    if cut.is_some() {
        shown.push_str("...");
    }
    shown
}
