//! Merging of trees: the values of a file over those of its base file.

use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::schema::{self, Alternative, choices, schema_of};
use serde_json::Value as Schema;

/// Merges `over` over `base`: tables are merged key by key, other values are replaced. Where the schema allows a choice
/// of kinds, a different kind replaces the whole choice.
pub(crate) fn merge(base: TomlNode, over: TomlNode, schema: &'static Schema) -> TomlNode {
    merge_values(base, over, Some(schema))
}

/// Merges two values; values that are not in the schema are replaced.
fn merge_values(base: TomlNode, over: TomlNode, schema: Option<&'static Schema>) -> TomlNode {
    let Some(schema) = schema else { return over };
    let alternatives = schema::alternatives(schema);
    match (base.value, over.value) {
        (TomlValue::Table(base), TomlValue::Table(entries)) if are_same_kind(&base, &entries, &alternatives) => {
            TomlNode { span: over.span, value: TomlValue::Table(merge_entries(base, entries, &alternatives)) }
        }
        (_, value) => TomlNode { span: over.span, value },
    }
}

/// Whether two tables are the same kind of a choice, or are not a choice.
fn are_same_kind(base: &[TableEntry], over: &[TableEntry], alternatives: &[Alternative]) -> bool {
    if choices(alternatives).next().is_none() {
        return true;
    }
    matches!((base, over), ([one], [other]) if one.key == other.key)
}

/// Returns the merged entries: those of the base in their order, then the new ones.
fn merge_entries(mut base: Vec<TableEntry>, over: Vec<TableEntry>, alternatives: &[Alternative]) -> Vec<TableEntry> {
    for entry in over {
        let Some(index) = base.iter().position(|other| other.key == entry.key) else {
            base.push(entry);
            continue;
        };
        let schema = schema_of(&entry.key, alternatives);
        let below = std::mem::replace(&mut base[index].node, TomlNode::empty_table(entry.node.span));
        base[index] = TableEntry { node: merge_values(below, entry.node, schema), ..entry };
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::source::SourceText;
    use crate::document::tests::bakery;
    use crate::document::text::parse_file;
    use crate::document::written::inline;
    use std::path::Path;

    /// Returns the merged tree as one line of TOML.
    fn merged(base: &str, over: &str) -> String {
        let sources = [over, base].map(|text| SourceText::of_file(Path::new("a.toml"), text.to_owned()));
        let tree = |source: u32| parse_file(&sources[source as usize].text, source).unwrap();
        inline(&merge(tree(1), tree(0), bakery()), &sources)
    }

    #[test]
    fn tables_merge_key_by_key() {
        assert_eq!(merged("hour = 1\nname = 'a'", "hour = 2"), r#"{ hour = 2, name = "a" }"#);
        let (base, over) = ("bread.a.oven = 'x'\nbread.a.minutes = [8]", "bread.b.oven = 'y'");
        assert_eq!(merged(base, over), r#"{ bread = { a = { minutes = [8], oven = "x" }, b = { oven = "y" } } }"#);
    }

    #[test]
    fn lists_are_replaced() {
        assert_eq!(
            merged("bread.a.minutes = [1, 2]", "bread.a.minutes = [3]"),
            "{ bread = { a = { minutes = [3] } } }"
        );
    }

    #[test]
    fn the_same_kind_merges_and_a_different_kind_replaces() {
        let base = "bread.a.flour = { rye = { part = 0.1 } }";
        let with = |over: &str| merged(base, &format!("bread.a.flour = {over}"));
        assert_eq!(with("{ rye = {} }"), "{ bread = { a = { flour = { rye = { part = 0.1 } } } } }");
        assert_eq!(with("{ wheat = {} }"), "{ bread = { a = { flour = { wheat = {} } } } }");
        assert_eq!(with("{}"), "{ bread = { a = { flour = {} } } }");
    }

    #[test]
    fn a_value_of_a_different_type_replaces_and_is_checked_later() {
        assert_eq!(merged("bread.a.oven = 'x'", "bread = 3"), "{ bread = 3 }");
        assert_eq!(merged("zzz = { a = 1 }", "zzz = { b = 1 }"), "{ zzz = { b = 1 } }");
    }
}
