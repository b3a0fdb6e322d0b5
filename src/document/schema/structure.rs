//! Holds the tree to the schema: unknown and missing keys, wrong types, unknown alternatives, all of them at once.
//! What is reported is taken out of the tree, and what must be there is filled in, so that the rest can be read.

use crate::base::human;
use crate::document::diagnostic::{Problem, Problems};
use crate::document::nearest::shortened;
use crate::document::node::{Entry, Node, Value};
use crate::document::schema::placeholder;
use crate::document::schema::{self, Alternative, Property, choices, plain, plains, property};
use crate::document::schema::range::Range;
use crate::document::schema::scope::Scope;
use crate::document::source::Place;
use crate::document::schema::wording;
use serde_json::Value as Schema;
use std::collections::BTreeSet;

/// Keys of a table of which each is compared with all that it could mean; no table that a person writes has more.
const MAX_COMPARED: usize = 1000;

/// Sections and named tables in which something was wrong: (`pretrain`, `main`), (`dataset`, ``).
pub(crate) type Tainted = BTreeSet<(String, String)>;

/// Checks the tree of a pipeline file and takes out what is wrong.
pub(crate) fn check(root: &mut Node, schema: &'static Schema, problems: &mut Problems) -> Tainted {
    let mut walk = Walk { problems: Some(problems), tainted: Tainted::new(), is_whole: true };
    walk.value(root, schema, &Scope::of_file(root.place, schema));
    walk.tainted
}

/// Checks the tree of a file that others extend, which need not have all that a pipeline must have.
pub(crate) fn check_part(mut root: Node, schema: &'static Schema, problems: &mut Problems) {
    let mut walk = Walk { problems: Some(problems), tainted: Tainted::new(), is_whole: false };
    let scope = Scope::of_file(root.place, schema);
    walk.value(&mut root, schema, &scope);
}

/// Fills in what must be there and has been taken out; reports nothing.
pub(crate) fn fill(root: &mut Node, schema: &'static Schema) {
    let mut walk = Walk { problems: None, tainted: Tainted::new(), is_whole: true };
    walk.value(root, schema, &Scope::of_file(root.place, schema));
}

struct Walk<'a> {
    problems: Option<&'a mut Problems>,
    tainted: Tainted,
    /// Whether what must be there must be there.
    is_whole: bool,
}

impl Walk<'_> {
    fn report(&mut self, scope: &Scope<'_>, problem: impl FnOnce() -> Problem) {
        if let Some(problems) = &mut self.problems {
            problems.report_at(scope.place, problem);
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
            Value::Whole(whole) if number_schema(&alternatives).is_some() => {
                let whole = *whole;
                self.fits(whole, place, scope) && self.in_range(whole as f64, &whole.to_string(), &alternatives, place, scope)
            }
            Value::Number(number) if plain(&alternatives, "number").is_some() => {
                let number = *number;
                self.finite(number, place, scope)
                    && self.in_range(number, &human::number(number), &alternatives, place, scope)
            }
            Value::Truth(_) if plain(&alternatives, "boolean").is_some() => true,
            Value::Text(text) if plain(&alternatives, "string").is_some() => {
                self.word(text, &alternatives, place, scope)
            }
            Value::List(items) if plain(&alternatives, "array").is_some() => match plain(&alternatives, "array") {
                Some(schema) => self.list(items, schema, place, scope),
                None => false,
            },
            Value::Table(entries) if alternatives.iter().any(|a| matches!(a, Alternative::Choice(..))) => {
                self.choice(entries, schema, &alternatives, scope)
            }
            Value::Table(entries) if plain(&alternatives, "object").is_some() => match plain(&alternatives, "object") {
                Some(schema) => self.table(entries, schema, scope),
                None => false,
            },
            _ => {
                self.report(scope, || wording::mismatch(node, &alternatives, scope));
                false
            }
        }
    }

    fn in_range(
        &mut self,
        number: f64,
        written: &str,
        alternatives: &[Alternative],
        place: Place,
        scope: &Scope<'_>,
    ) -> bool {
        let range = number_schema(alternatives).map(Range::of);
        let Some(range) = range.filter(|range| !range.contains(number)) else { return true };
        self.report(scope, || {
            Problem::new(place, format!("`{}` must be {}, got {written}", scope.key, range.words()))
        });
        false
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
                .maybe_help(scope.nearest(text, words.iter().copied()).map(|near| format!("did you mean \"{near}\"?")))
                .help(format!("it is one of {}", wording::quoted(&words)))
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
            let scope = Scope { place: item.place, is_element: true, ..*scope };
            self.value(item, item_schema, &scope)
        });
        items.len() >= least
    }

    /// A table with one key, the name of an alternative.
    fn choice(
        &mut self,
        entries: &mut [Entry],
        schema: &'static Schema,
        alternatives: &[Alternative],
        scope: &Scope<'_>,
    ) -> bool {
        let names = || choices(alternatives).map(|(name, _)| name);
        match entries {
            [] => {
                self.report(scope, || {
                    Problem::new(scope.place, format!("`{}` is empty", scope.key)).help(wording::kinds(alternatives))
                });
                false
            }
            [entry] => match choices(alternatives).find(|(name, _)| *name == entry.key) {
                Some((_, parameters)) => self.entry(entry, parameters, false, scope),
                None => {
                    self.report(scope, || wording::unknown_choice(entry, schema, alternatives, scope));
                    false
                }
            },
            [first, second, ..] => {
                self.report(scope, || {
                    let known = |entry: &Entry| names().any(|name| name == entry.key);
                    match [&*first, &*second].into_iter().find(|entry| !known(entry)) {
                        Some(unknown) => wording::unknown_choice(unknown, schema, alternatives, scope),
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

    fn entry(&mut self, entry: &mut Entry, schema: &'static Schema, is_named: bool, scope: &Scope<'_>) -> bool {
        let scope = Scope { parent: Some(scope), key: &entry.key, place: entry.key_place, is_element: false, is_named, file: scope.file };
        self.value(&mut entry.node, schema, &scope)
    }

    fn table(&mut self, entries: &mut Vec<Entry>, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        if let Some(item) = schema::named_entries(schema).filter(|_| schema::is_named(schema))
            && entries.iter().any(|entry| lacks_name(entry, item))
        {
            self.report(scope, || wording::lacking_name(scope));
            return false;
        }
        let required = required(entries, schema);
        for key in &required {
            // A key that is probably this one, misspelt, is reported as such below.
            let is_there = |entry: &Entry| entry.key == *key;
            let is_meant = |entry: &Entry| wording::meant(entry, schema, scope) == Some(*key);
            if self.is_whole && !entries.iter().any(is_there) && !entries.iter().take(MAX_COMPARED).any(is_meant) {
                self.report(scope, || wording::missing(key, schema, scope));
            }
        }
        entries.retain_mut(|entry| match schema::entry_property(schema, entry) {
            Property::Known(value) => {
                let is_named = scope.depth() == 1 && schema::is_named_entry(schema, entry);
                self.entry(entry, value, is_named, scope)
            }
            Property::Free => true,
            Property::Unknown => {
                let place = Scope { place: entry.key_place, ..*scope };
                self.report(&place, || wording::unknown_key(entry, schema, scope));
                false
            }
        });
        for (key, value) in schema::properties(schema).filter(|(key, _)| required.contains(key)) {
            if !entries.iter().any(|entry| entry.key == key) {
                entries.push(placeholder::entry(key, value));
            }
        }
        true
    }
}

/// The keys that a table must have. A section with a default table needs that table's keys only where it has one.
fn required(entries: &[Entry], schema: &'static Schema) -> Vec<&'static str> {
    if schema::has_default_table(schema) {
        let is_default = |entry: &Entry| !schema::is_named_entry(schema, entry);
        let has_default = entries.is_empty() || entries.iter().any(is_default);
        return if has_default { schema::required_of_section(schema) } else { Vec::new() };
    }
    schema::required(schema).collect()
}

/// The alternative that is a number.
fn number_schema(alternatives: &[Alternative]) -> Option<&'static Schema> {
    plain(alternatives, "integer").or_else(|| plain(alternatives, "number"))
}

/// Whether an entry of a section of named tables is a key that should stand in one of them.
fn lacks_name(entry: &Entry, item: &'static Schema) -> bool {
    let keys = schema::properties(item);
    !matches!(entry.node.value, Value::Table(_)) && keys.into_iter().any(|(key, _)| key == entry.key)
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
