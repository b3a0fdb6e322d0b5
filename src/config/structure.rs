//! Holds the tree to the schema: unknown and missing keys, wrong types, unknown alternatives, all of them at once.
//! What is reported is taken out of the tree, and what must be there is filled in, so that the rest can be read.

use crate::config::diagnostic::{Problem, Problems};
use crate::config::nearest::{nearest, shortened};
use crate::config::node::{Entry, Node, Value};
use crate::config::placeholder;
use crate::config::schema::{self, Alternative, Property, choices, plain, plains, property};
use crate::config::scope::Scope;
use crate::config::source::Place;
use crate::config::wording;
use serde_json::Value as Schema;
use std::collections::BTreeSet;

/// Keys of a table of which each is compared with all that it could mean; no table that a person writes has more.
const MOST_COMPARED: usize = 1000;

/// Sections and named tables in which something was wrong: (`pretrain`, `main`), (`dataset`, ``).
pub(super) type Tainted = BTreeSet<(String, String)>;

/// Checks the tree of a pipeline file and takes out what is wrong.
pub(super) fn check(root: &mut Node, problems: &mut Problems) -> Tainted {
    let mut walk = Walk { problems: Some(problems), tainted: Tainted::new(), is_whole: true };
    walk.value(root, schema::root(), &Scope::of_file(root.place));
    walk.tainted
}

/// Checks the tree of a file that others extend, which need not have all that a pipeline must have.
pub(super) fn check_part(mut root: Node, problems: &mut Problems) {
    let mut walk = Walk { problems: Some(problems), tainted: Tainted::new(), is_whole: false };
    let scope = Scope::of_file(root.place);
    walk.value(&mut root, schema::root(), &scope);
}

/// Fills in what must be there and has been taken out; reports nothing.
pub(super) fn fill(root: &mut Node) {
    let mut walk = Walk { problems: None, tainted: Tainted::new(), is_whole: true };
    walk.value(root, schema::root(), &Scope::of_file(root.place));
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
                self.report(scope, || wording::mismatch(node, &alternatives, scope));
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
                    Problem::new(scope.place, format!("`{}` is empty", scope.key)).help(wording::kinds(alternatives))
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
                    let known = |entry: &Entry| names().any(|name| name == entry.key);
                    match [&*first, &*second].into_iter().find(|entry| !known(entry)) {
                        Some(unknown) => wording::unknown_choice(unknown, alternatives, scope),
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
            self.report(scope, || wording::lacking_name(scope));
            return false;
        }
        for required in schema::required(schema) {
            // A key that is probably this one, misspelt, is reported as such below.
            let is_there = |entry: &Entry| entry.key == required;
            let is_meant = |entry: &Entry| wording::meant(entry, schema) == Some(required);
            if self.is_whole && !entries.iter().any(is_there) && !entries.iter().take(MOST_COMPARED).any(is_meant) {
                self.report(scope, || wording::missing(required, schema, scope));
            }
        }
        entries.retain_mut(|entry| match property(schema, &entry.key) {
            Property::Known(schema) => self.entry(entry, schema, scope),
            Property::Free => true,
            Property::Unknown => {
                let place = Scope { parent: scope.parent, key: scope.key, place: entry.key_place, ..*scope };
                self.report(&place, || wording::unknown_key(entry, schema, scope));
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

/// Whether an entry of a section of named tables is a key that should stand in one of them.
fn lacks_name(entry: &Entry, item: &'static Schema) -> bool {
    let keys = schema::properties(schema::resolve(item));
    !matches!(entry.node.value, Value::Table(_)) && keys.into_iter().any(|(key, _)| key == entry.key)
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
