//! Differences between two key documents, as the fields a user sets: `loss.nt_xent.temperature 0.1 -> 0.5`.

use crate::engine::KeyDocument;
use serde::Serialize;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

/// Maximum number of characters of a value before it is cut.
const MAX_VALUE_CHARS: usize = 40;

/// Fields of a key document except its inputs: dotted paths with their values as JSON, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(Vec<(String, String)>);

/// Field whose value differs between two documents. Displayed as `loss.nt_xent.temperature 0.1 -> 0.5`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct FieldChange {
    /// Dotted path of the field.
    pub path: String,
    /// Old value as JSON; none if the field is new.
    pub old: Option<String>,
    /// New value as JSON; none if the field was removed.
    pub new: Option<String>,
}

impl Fields {
    /// Collects the fields of a document.
    pub(crate) fn of(document: &KeyDocument) -> Self {
        let mut fields = vec![("algorithm version".to_owned(), document.version.to_string())];
        flatten(&mut String::new(), &document.parameters, &mut fields);
        fields.sort_unstable();
        Self(fields)
    }

    /// Returns the number of fields.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns how many fields were changed, removed or added.
    pub(crate) fn distance(&self, old: &Self) -> usize {
        let mut count = 0;
        self.compare(old, |_, _, _| count += 1);
        count
    }

    /// Describes the differences in the order of the paths, using the text of `explain` for the paths it knows. Each
    /// text appears once.
    pub(crate) fn describe_changes(&self, old: &Self, explain: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let describe = |change: &FieldChange| explain(&change.path).unwrap_or_else(|| change.to_string());
        let mut lines: Vec<String> = self.changes(old).iter().map(describe).collect();
        let mut seen = HashSet::new();
        lines.retain(|line| seen.insert(line.clone()));
        lines
    }

    /// Returns the differences in the order of the paths.
    pub(crate) fn changes(&self, old: &Self) -> Vec<FieldChange> {
        let mut changes = Vec::new();
        let owned = |value: Option<&str>| value.map(str::to_owned);
        self.compare(old, |path, old, new| {
            changes.push(FieldChange { path: path.to_owned(), old: owned(old), new: owned(new) });
        });
        changes
    }

    /// Calls `differs(path, old value, new value)` for each difference.
    fn compare(&self, old: &Self, mut differs: impl FnMut(&str, Option<&str>, Option<&str>)) {
        let (mut new_fields, mut old_fields) = (self.0.iter().peekable(), old.0.iter().peekable());
        loop {
            let order = match (new_fields.peek(), old_fields.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((new, _)), Some((old, _))) => new.cmp(old),
            };
            let new = if order.is_le() { new_fields.next() } else { None };
            let old = if order.is_ge() { old_fields.next() } else { None };
            let values = (old.map(|(_, value)| value.as_str()), new.map(|(_, value)| value.as_str()));
            if let (Some((path, _)), true) = (new.or(old), values.0 != values.1) {
                differs(path, values.0, values.1);
            }
        }
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> {}", self.path, format_value(self.old.as_deref()), format_value(self.new.as_deref()))
    }
}

/// Adds the scalars nested in a value; a list of scalars is one field. `path` is the same afterwards.
fn flatten(path: &mut String, value: &Value, fields: &mut Vec<(String, String)>) {
    let length = path.len();
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                flatten(path, value, fields);
                path.truncate(length);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                flatten(path, item, fields);
                path.truncate(length);
            }
        }
        _ if length == 0 => {}
        scalar => fields.push((path.clone(), scalar.to_string())),
    }
}

fn format_value(value: Option<&str>) -> String {
    match value {
        None | Some("null") => "none".to_owned(),
        Some(value) if value.chars().count() > MAX_VALUE_CHARS => {
            value.chars().take(MAX_VALUE_CHARS).chain("...".chars()).collect()
        }
        Some(value) => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(version: u32, parameters: Value) -> Fields {
        Fields::of(&KeyDocument { store: 1, kind: "k".into(), version, parameters, inputs: Default::default() })
    }

    #[test]
    fn differences_name_the_field_and_both_values() {
        let old = fields(1, json!({"loss": {"nt_xent": {"temperature": 0.1}}, "layers": [256, 128], "seed": 1}));
        let new = fields(2, json!({"loss": {"nt_xent": {"temperature": 0.5}}, "layers": [128], "clip": null}));
        let lines = ["algorithm version 1 -> 2", "layers [256,128] -> [128]", "loss.nt_xent.temperature 0.1 -> 0.5"];
        // A new field counts even if it is null, since it changes the key.
        assert_eq!(
            new.describe_changes(&old, |_| None),
            [&lines[..1], &["clip none -> none"], &lines[1..], &["seed 1 -> none"]].concat()
        );
        assert_eq!(new.distance(&old), 5);
        assert_eq!(old.distance(&old), 0);
    }

    #[test]
    fn lists_of_tables_differ_by_item() {
        let ops = |p: f64| json!({"ops": [{"flip": {"p": 0.5}}, {"blur": {"p": p}}, "sobel"]});
        assert_eq!(fields(1, ops(1.0)).describe_changes(&fields(1, ops(0.5)), |_| None), ["ops[1].blur.p 0.5 -> 1.0"]);
    }

    #[test]
    fn long_values_are_truncated() {
        let long = fields(1, json!({"text": "x".repeat(100)}));
        let line = &long.describe_changes(&fields(1, json!({"text": "é"})), |_| None)[0];
        assert_eq!(line, &format!("text \"é\" -> \"{}...", "x".repeat(39)));
    }
}
