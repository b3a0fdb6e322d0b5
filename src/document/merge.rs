//! Lays one tree over another: the values of a file over those of the file that it extends.

use crate::document::node::{Entry, Node, Value};
use crate::document::schema::{self, Alternative, choices, schema_of};
use serde_json::Value as Schema;

/// The tree in which the values of `over` win: tables are merged key by key, everything else is replaced. Where the
/// schema lets a value be one of several kinds, another kind replaces the whole.
pub(crate) fn merge(base: Node, over: Node, schema: &'static Schema) -> Node {
    merge_values(base, over, Some(schema))
}

/// Values that the schema does not know are replaced.
fn merge_values(base: Node, over: Node, schema: Option<&'static Schema>) -> Node {
    let Some(schema) = schema else { return over };
    let alternatives = schema::alternatives(schema);
    match (base.value, over.value) {
        (Value::Table(base), Value::Table(entries)) if are_of_a_kind(&base, &entries, &alternatives) => {
            Node { place: over.place, value: Value::Table(merge_entries(base, entries, &alternatives)) }
        }
        (_, value) => Node { place: over.place, value },
    }
}

/// Whether two tables are the same choice, or none is a choice.
fn are_of_a_kind(base: &[Entry], over: &[Entry], alternatives: &[Alternative]) -> bool {
    if choices(alternatives).next().is_none() {
        return true;
    }
    matches!((base, over), ([one], [other]) if one.key == other.key)
}

/// The entries of the base in their order, then those that are new.
fn merge_entries(mut base: Vec<Entry>, over: Vec<Entry>, alternatives: &[Alternative]) -> Vec<Entry> {
    for entry in over {
        let Some(index) = base.iter().position(|other| other.key == entry.key) else {
            base.push(entry);
            continue;
        };
        let schema = schema_of(&entry.key, alternatives);
        let below = std::mem::replace(&mut base[index].node, Node::empty_table(entry.node.place));
        base[index] = Entry { node: merge_values(below, entry.node, schema), ..entry };
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::source::Source;
    use crate::document::text::parse_file;
    use crate::document::written::inline;
    use std::path::Path;

    /// The merged tree as one line of TOML.
    fn merged(base: &str, over: &str) -> String {
        let sources = [over, base].map(|text| Source::of_file(Path::new("a.toml"), text.to_owned()));
        let tree = |source: u32| parse_file(&sources[source as usize].text, source).unwrap();
        inline(&merge(tree(1), tree(0)), &sources)
    }

    #[test]
    fn tables_merge_key_by_key() {
        assert_eq!(merged("seed = 1\ndevice = 'cpu'", "seed = 2"), r#"{ device = "cpu", seed = 2 }"#);
        let (base, over) = ("pretrain.a.epochs = 1\npretrain.a.batch_size = 8", "pretrain.b.epochs = 2");
        assert_eq!(merged(base, over), "{ pretrain = { a = { batch_size = 8, epochs = 1 }, b = { epochs = 2 } } }");
    }

    #[test]
    fn lists_are_replaced() {
        let over = "augment.views.ops = [{ grayscale = {} }]";
        assert_eq!(
            merged("augment.views.ops = [{ sobel = {} }, { cutout = {} }]", over),
            "{ augment = { views = { ops = [{ grayscale = {} }] } } }"
        );
    }

    #[test]
    fn the_same_choice_merges_and_another_replaces() {
        let base = "pretrain.a.optimizer = { sgd = { learning_rate = 0.1, momentum = 0.9 } }";
        let with = |over: &str| merged(base, &format!("pretrain.a.optimizer = {over}"));
        assert_eq!(
            with("{ sgd = { learning_rate = 1.0 } }"),
            "{ pretrain = { a = { optimizer = { sgd = { learning_rate = 1.0, momentum = 0.9 } } } } }"
        );
        assert_eq!(
            with("{ adam = { learning_rate = 1.0 } }"),
            "{ pretrain = { a = { optimizer = { adam = { learning_rate = 1.0 } } } } }"
        );
        assert_eq!(with("{}"), "{ pretrain = { a = { optimizer = {} } } }");
    }

    #[test]
    fn a_value_of_another_type_replaces_and_is_held_to_the_schema_later() {
        assert_eq!(merged("pretrain.a.epochs = 1", "pretrain = 3"), "{ pretrain = 3 }");
        assert_eq!(merged("zzz = { a = 1 }", "zzz = { b = 1 }"), "{ zzz = { b = 1 } }");
    }
}
