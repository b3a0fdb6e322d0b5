//! Validation of the tree against the schema: unknown and missing keys, wrong types and unknown alternatives, all
//! reported at once. Invalid values are removed from the tree and required ones filled in, so that the rest can be
//! read.

use crate::base::human;
use crate::base::nearest::shortened;
use crate::document::diagnostic::{Problem, Problems};
use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::schema::placeholder;
use crate::document::schema::range::Range;
use crate::document::schema::scope::Scope;
use crate::document::schema::wording;
use crate::document::schema::{self, Alternative, Property, choices, plain, plains};
use crate::document::source::Span;
use serde_json::Value as Schema;
use std::collections::BTreeSet;

/// Maximum number of keys of a table that are searched for typos of a missing key.
const MAX_COMPARED: usize = 1000;

/// Sections and named tables with errors: (`bread`, `daily`), (`oven`, ``).
pub(crate) type InvalidSections = BTreeSet<(String, String)>;

/// Checks the tree of a pipeline file and removes invalid values; returns the sections that had some.
pub(crate) fn check(root: &mut TomlNode, schema: &'static Schema, problems: &mut Problems) -> InvalidSections {
    let mut walk = Walk { problems: Some(problems), invalid: InvalidSections::new(), is_whole: true };
    walk.value(root, schema, &Scope::of_file(root.span, schema));
    walk.invalid
}

/// Checks the tree of a base file, in which required keys may be missing.
pub(crate) fn check_partial(mut root: TomlNode, schema: &'static Schema, problems: &mut Problems) {
    let mut walk = Walk { problems: Some(problems), invalid: InvalidSections::new(), is_whole: false };
    let scope = Scope::of_file(root.span, schema);
    walk.value(&mut root, schema, &scope);
}

/// Fills in required values that have been removed; reports nothing.
pub(crate) fn fill(root: &mut TomlNode, schema: &'static Schema) {
    let mut walk = Walk { problems: None, invalid: InvalidSections::new(), is_whole: true };
    walk.value(root, schema, &Scope::of_file(root.span, schema));
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
            TomlValue::Integer(whole) if number_schema(&alternatives).is_some() => {
                let whole = *whole;
                self.fits(whole, span, scope)
                    && self.in_range(whole as f64, &whole.to_string(), &alternatives, span, scope)
            }
            TomlValue::Float(number) if plain(&alternatives, "number").is_some() => {
                let number = *number;
                self.finite(number, span, scope)
                    && self.in_range(number, &human::number(number), &alternatives, span, scope)
            }
            TomlValue::Boolean(_) if plain(&alternatives, "boolean").is_some() => true,
            TomlValue::String(text) if plain(&alternatives, "string").is_some() => {
                self.word(text, &alternatives, span, scope)
            }
            TomlValue::Array(items) if plain(&alternatives, "array").is_some() => match plain(&alternatives, "array") {
                Some(schema) => self.list(items, schema, span, scope),
                None => false,
            },
            TomlValue::Table(entries) if alternatives.iter().any(|a| matches!(a, Alternative::Choice(..))) => {
                self.choice(entries, schema, &alternatives, scope)
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

    fn in_range(
        &mut self,
        number: f64,
        written: &str,
        alternatives: &[Alternative],
        span: Span,
        scope: &Scope<'_>,
    ) -> bool {
        let Some(schema) = number_schema(alternatives) else { return true };
        let range = Range::of(schema);
        if range.contains(number) {
            return true;
        }
        self.report(scope, || {
            let message = format!("`{}` must be {}, got {written}", scope.key, range.words());
            Problem::new(span, message).maybe_help(wording::rescaled(number, written, range, schema))
        });
        false
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
                .maybe_help(scope.nearest(text, words.iter().copied()).map(|near| format!("did you mean \"{near}\"?")))
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
                    usize::MAX => format!("at least {}", human::count(min, "element")),
                    _ => format!("{min} elements"),
                };
                Problem::new(span, format!("`{}` must be a list of {expected}, got {}", scope.key, items.len()))
            });
            return false;
        }
        let Some(item_schema) = schema.get("items") else { return true };
        items.retain_mut(|item| {
            let scope = Scope { span: item.span, is_element: true, ..*scope };
            self.value(item, item_schema, &scope)
        });
        items.len() >= min
    }

    /// Checks a choice: a table with one key, the name of an alternative.
    fn choice(
        &mut self,
        entries: &mut [TableEntry],
        schema: &'static Schema,
        alternatives: &[Alternative],
        scope: &Scope<'_>,
    ) -> bool {
        let names = || choices(alternatives).map(|(name, _)| name);
        match entries {
            [] => {
                self.report(scope, || {
                    Problem::new(scope.span, format!("`{}` is empty", scope.key)).help(wording::kinds(alternatives))
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
                    let known = |entry: &TableEntry| names().any(|name| name == entry.key);
                    match [&*first, &*second].into_iter().find(|entry| !known(entry)) {
                        Some(unknown) => wording::unknown_choice(unknown, schema, alternatives, scope),
                        None => Problem::new(
                            second.key_span,
                            format!("`{}` is both `{}` and `{}`", scope.key, first.key, second.key),
                        )
                        .help(wording::one_choice(&first.key, &second.key, scope)),
                    }
                });
                false
            }
        }
    }

    fn entry(&mut self, entry: &mut TableEntry, schema: &'static Schema, is_named: bool, scope: &Scope<'_>) -> bool {
        let scope = Scope {
            parent: Some(scope),
            key: &entry.key,
            span: entry.key_span,
            is_element: false,
            is_named,
            file: scope.file,
        };
        self.value(&mut entry.node, schema, &scope)
    }

    fn table(&mut self, entries: &mut Vec<TableEntry>, schema: &'static Schema, scope: &Scope<'_>) -> bool {
        if let Some(item) = schema::named_entries(schema).filter(|_| schema::is_named(schema))
            && let Some(entry) = entries.iter().find(|entry| needs_name(entry, item))
        {
            let named = entries.iter().find(|other| schema::properties(item).all(|(key, _)| key != other.key));
            self.report(scope, || wording::missing_name(entry, named, scope));
            return false;
        }
        let required = required(entries, schema);
        for key in &required {
            // A misspelling of this key is reported below.
            let is_there = |entry: &TableEntry| entry.key == *key;
            let is_meant = |entry: &TableEntry| wording::meant(entry, schema, scope) == Some(*key);
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
                let span = Scope { span: entry.key_span, ..*scope };
                self.report(&span, || wording::unknown_key(entry, schema, scope));
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

/// Whether an entry of a section of named tables is a key that belongs in one of them.
/// The keys that a table must have. A section with a default table needs that table's keys only where it has one.
fn required(entries: &[TableEntry], schema: &'static Schema) -> Vec<&'static str> {
    if schema::has_default_table(schema) {
        let is_default = |entry: &TableEntry| !schema::is_named_entry(schema, entry);
        let has_default = entries.is_empty() || entries.iter().any(is_default);
        return if has_default { schema::required_of_section(schema) } else { Vec::new() };
    }
    schema::required(schema).collect()
}

/// The alternative that is a number.
fn number_schema(alternatives: &[Alternative]) -> Option<&'static Schema> {
    plain(alternatives, "integer").or_else(|| plain(alternatives, "number"))
}

fn needs_name(entry: &TableEntry, item: &'static Schema) -> bool {
    let keys = schema::properties(item);
    !matches!(entry.node.value, TomlValue::Table(_)) && keys.into_iter().any(|(key, _)| key == entry.key)
}
