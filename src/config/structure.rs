//! Validation of the tree against the schema: unknown and missing keys, wrong types and unknown alternatives, all
//! reported at once. Invalid values are removed from the tree and required ones filled in, so that the rest can be
//! read.

use crate::config::diagnostic::{Problem, Problems};
use crate::config::nearest::{nearest, shortened};
use crate::config::node::{TableEntry, TomlNode, TomlValue};
use crate::config::placeholder;
use crate::config::schema::{self, Alternative, Property, choices, plain, plains, property};
use crate::config::scope::Scope;
use crate::config::source::Span;
use crate::config::wording;
use serde_json::Value as Schema;
use std::collections::BTreeSet;

/// Maximum number of keys of a table that are searched for typos of a missing key.
const MAX_COMPARED: usize = 1000;

/// Sections and named tables with errors: (`pretrain`, `main`), (`dataset`, ``).
pub(super) type InvalidSections = BTreeSet<(String, String)>;

/// Checks the tree of a pipeline file and removes invalid values; returns the sections that had some.
pub(super) fn check(root: &mut TomlNode, problems: &mut Problems) -> InvalidSections {
    let mut walk = Walk { problems: Some(problems), invalid: InvalidSections::new(), is_whole: true };
    walk.value(root, schema::root(), &Scope::of_file(root.span));
    walk.invalid
}

/// Checks the tree of a base file, in which required keys may be missing.
pub(super) fn check_partial(mut root: TomlNode, problems: &mut Problems) {
    let mut walk = Walk { problems: Some(problems), invalid: InvalidSections::new(), is_whole: false };
    let scope = Scope::of_file(root.span);
    walk.value(&mut root, schema::root(), &scope);
}

/// Fills in required values that have been removed; reports nothing.
pub(super) fn fill(root: &mut TomlNode) {
    let mut walk = Walk { problems: None, invalid: InvalidSections::new(), is_whole: true };
    walk.value(root, schema::root(), &Scope::of_file(root.span));
}

struct Walk<'a> {
    problems: Option<&'a mut Problems>,
    invalid: InvalidSections,
    /// Whether required keys are required.
    is_whole: bool,
}

impl Walk<'_> {
    fn report(&mut self, scope: &Scope<'_>, problem: impl FnOnce() -> Problem) {
        if let Some(problems) = &mut self.problems {
            problems.report_at(scope.span, problem);
            self.invalid.insert(scope.owner());
        }
    }

    /// Checks a value; returns whether the rest of it can be read.
    fn value(&mut self, node: &mut TomlNode, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        let alternatives = schema::alternatives(schema);
        let span = node.span;
        match &mut node.value {
            TomlValue::HugeNumber(text) => {
                self.report(scope, || Problem::new(span, format!("`{}`: the number {text} is too large", scope.key)));
                false
            }
            TomlValue::Integer(integer) if plain(&alternatives, "integer").is_some() => {
                self.integer(*integer, span, scope)
            }
            TomlValue::Integer(integer) if plain(&alternatives, "number").is_some() => self.fits(*integer, span, scope),
            TomlValue::Float(number) if plain(&alternatives, "number").is_some() => self.finite(*number, span, scope),
            TomlValue::Boolean(_) if plain(&alternatives, "boolean").is_some() => true,
            TomlValue::String(text) if plain(&alternatives, "string").is_some() => {
                self.word(text, &alternatives, span, scope)
            }
            TomlValue::Array(items) if plain(&alternatives, "array").is_some() => match plain(&alternatives, "array") {
                Some(schema) => self.list(items, schema, span, scope),
                None => false,
            },
            TomlValue::Table(entries) if alternatives.iter().any(|a| matches!(a, Alternative::Choice(..))) => {
                self.choice(entries, &alternatives, scope)
            }
            TomlValue::Table(entries) if plain(&alternatives, "object").is_some() => {
                match plain(&alternatives, "object") {
                    Some(schema) => self.table(entries, schema, scope),
                    None => false,
                }
            }
            _ => {
                self.report(scope, || wording::mismatch(node, &alternatives, scope));
                false
            }
        }
    }

    fn integer(&mut self, integer: i128, span: Span, scope: &Scope<'_>) -> bool {
        if integer < 0 {
            self.report(scope, || Problem::new(span, format!("`{}` must be at least 0, got {integer}", scope.key)));
            return false;
        }
        self.fits(integer, span, scope)
    }

    fn fits(&mut self, integer: i128, span: Span, scope: &Scope<'_>) -> bool {
        let fits = i64::try_from(integer).is_ok() || u64::try_from(integer).is_ok();
        if !fits {
            self.report(scope, || Problem::new(span, format!("`{}`: the number {integer} is too large", scope.key)));
        }
        fits
    }

    fn finite(&mut self, number: f64, span: Span, scope: &Scope<'_>) -> bool {
        if !number.is_finite() {
            self.report(scope, || Problem::new(span, format!("`{}` must be a finite number, got {number}", scope.key)));
        }
        number.is_finite()
    }

    fn word(&mut self, text: &str, alternatives: &[Alternative], span: Span, scope: &Scope<'_>) -> bool {
        let words: Vec<&str> = plains(alternatives).flat_map(schema::words).collect();
        if words.is_empty() || words.contains(&text) {
            return true;
        }
        self.report(scope, || {
            Problem::new(span, format!("unknown value \"{}\" for `{}`", shortened(text), scope.key))
                .maybe_help(nearest(text, words.iter().copied()).map(|near| format!("did you mean \"{near}\"?")))
                .help(format!("expected one of {}", wording::quoted(&words)))
        });
        false
    }

    fn list(&mut self, items: &mut Vec<TomlNode>, schema: &'static Schema, span: Span, scope: &Scope<'_>) -> bool {
        let size = |key: &str| schema.get(key).and_then(Schema::as_u64).and_then(|size| usize::try_from(size).ok());
        let (min, max) = (size("minItems").unwrap_or(0), size("maxItems").unwrap_or(usize::MAX));
        if !(min..=max).contains(&items.len()) {
            self.report(scope, || {
                let expected = match max {
                    usize::MAX => format!("at least {min} element{}", plural(min)),
                    _ => format!("{min} elements"),
                };
                Problem::new(span, format!("`{}` must be a list of {expected}, got {}", scope.key, items.len()))
            });
            return false;
        }
        let Some(item_schema) = schema.get("items") else { return true };
        items.retain_mut(|item| {
            let scope = Scope { parent: scope.parent, key: scope.key, span: item.span, is_element: true };
            self.value(item, item_schema, &scope)
        });
        items.len() >= min
    }

    /// Checks a choice: a table with one key, the name of an alternative.
    fn choice(&mut self, entries: &mut [TableEntry], alternatives: &[Alternative], scope: &Scope<'_>) -> bool {
        let names = || choices(alternatives).map(|(name, _)| name);
        match entries {
            [] => {
                self.report(scope, || {
                    Problem::new(scope.span, format!("`{}` is empty", scope.key)).help(wording::kinds(alternatives))
                });
                false
            }
            [entry] => match choices(alternatives).find(|(name, _)| *name == entry.key) {
                Some((_, parameters)) => self.entry(entry, parameters, scope),
                None => {
                    self.report(scope, || wording::unknown_choice(entry, alternatives, scope));
                    false
                }
            },
            [first, second, ..] => {
                self.report(scope, || {
                    let known = |entry: &TableEntry| names().any(|name| name == entry.key);
                    match [&*first, &*second].into_iter().find(|entry| !known(entry)) {
                        Some(unknown) => wording::unknown_choice(unknown, alternatives, scope),
                        None => Problem::new(
                            second.key_span,
                            format!("`{}` is both `{}` and `{}`", scope.key, first.key, second.key),
                        )
                        .help("keep one and remove the other"),
                    }
                });
                false
            }
        }
    }

    fn entry(&mut self, entry: &mut TableEntry, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        let scope = Scope { parent: Some(scope), key: &entry.key, span: entry.key_span, is_element: false };
        self.value(&mut entry.node, schema, &scope)
    }

    fn table(&mut self, entries: &mut Vec<TableEntry>, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        if let Some(item) = schema::named_entries(schema)
            && entries.iter().any(|entry| needs_name(entry, item))
        {
            self.report(scope, || wording::missing_name(scope));
            return false;
        }
        for required in schema::required(schema) {
            // A misspelling of this key is reported below.
            let is_present = |entry: &TableEntry| entry.key == required;
            let is_typo = |entry: &TableEntry| wording::meant(entry, schema) == Some(required);
            if self.is_whole && !entries.iter().any(is_present) && !entries.iter().take(MAX_COMPARED).any(is_typo) {
                self.report(scope, || wording::missing(required, schema, scope));
            }
        }
        entries.retain_mut(|entry| match property(schema, &entry.key) {
            Property::Known(schema) => self.entry(entry, schema, scope),
            Property::Free => true,
            Property::Unknown => {
                let span = Scope { parent: scope.parent, key: scope.key, span: entry.key_span, ..*scope };
                self.report(&span, || wording::unknown_key(entry, schema, scope));
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
}

/// Whether an entry of a section of named tables is a key that belongs in one of them.
fn needs_name(entry: &TableEntry, item: &'static Schema) -> bool {
    let keys = schema::properties(schema::resolve(item));
    !matches!(entry.node.value, TomlValue::Table(_)) && keys.into_iter().any(|(key, _)| key == entry.key)
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
