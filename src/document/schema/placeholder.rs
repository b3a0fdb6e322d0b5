//! Values that stand in for those that are missing or wrong, so that the rest of their table can be read and checked.
//! They are never used: a section that has one is reported and comes to nothing.

use crate::document::node::{Entry, Node, Value};
use crate::document::schema::{self, Alternative};
use crate::document::source::Place;
use serde_json::Value as Schema;

/// Lies within the range of every required number.
const NUMBER: f64 = 0.5;

/// Lies within the range of every required whole number.
const WHOLE: i128 = 8;

/// A value that can be read where the schema holds.
pub(crate) fn placeholder(schema: &'static Schema) -> Node {
    let value = match schema::alternatives(schema).first() {
        Some(Alternative::Choice(name, parameters, _)) => Value::Table(vec![entry(name, parameters)]),
        Some(Alternative::Plain(schema)) => plain(schema),
        None => Value::Table(Vec::new()),
    };
    Node { place: Place::NOWHERE, value }
}

/// A key with a placeholder.
pub(crate) fn entry(key: &str, schema: &'static Schema) -> Entry {
    Entry { key: key.to_owned(), key_place: Place::NOWHERE, node: placeholder(schema) }
}

fn plain(schema: &'static Schema) -> Value {
    let admits = |kind| schema::admits(schema, kind);
    if admits("object") {
        let required = schema::required(schema);
        return Value::Table(
            schema::properties(schema)
                .filter(|(key, _)| required.clone().any(|other| other == *key))
                .map(|(key, value)| entry(key, value))
                .collect(),
        );
    }
    if admits("array") {
        let least = schema.get("minItems").and_then(Schema::as_u64).unwrap_or(0);
        return Value::List(
            schema.get("items").map(|item| (0..least).map(|_| placeholder(item)).collect()).unwrap_or_default(),
        );
    }
    if admits("string") {
        return Value::Text(schema::words(schema).first().copied().unwrap_or("placeholder").to_owned());
    }
    match (admits("integer"), admits("boolean")) {
        (true, _) => Value::Whole(WHOLE),
        (_, true) => Value::Truth(false),
        _ => Value::Number(NUMBER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::OperatorConfig;
    use crate::document::raw::{RawEmbed, RawKnnEval, RawLinearEval, RawPretrain, RawSupervised};
    use crate::dataset::DatasetConfig;
    use serde::Deserialize;

    fn definition(name: &str) -> &'static Schema {
        &schema::root()["$defs"][name]
    }

    #[test]
    fn every_section_can_be_read_from_placeholders() {
        RawPretrain::deserialize(&placeholder(definition("Pretrain"))).unwrap();
        RawLinearEval::deserialize(&placeholder(definition("LinearEval"))).unwrap();
        RawKnnEval::deserialize(&placeholder(definition("KnnEval"))).unwrap();
        RawSupervised::deserialize(&placeholder(definition("Supervised"))).unwrap();
        RawEmbed::deserialize(&placeholder(definition("Embed"))).unwrap();
        DatasetConfig::deserialize(&placeholder(definition("DatasetConfig"))).unwrap();
    }

    #[test]
    fn so_can_every_alternative() {
        for name in ["OperatorConfig", "OptimizerConfig", "ScheduleConfig", "EncoderConfig", "SourceConfig"] {
            for alternative in schema::alternatives(definition(name)) {
                let Alternative::Choice(key, parameters, _) = alternative else { panic!("{name}") };
                let node = Node { place: Place::NOWHERE, value: Value::Table(vec![entry(key, parameters)]) };
                let outcome = match name {
                    "OperatorConfig" => OperatorConfig::deserialize(&node).map(|_| ()),
                    "OptimizerConfig" => crate::optim::OptimizerConfig::deserialize(&node).map(|_| ()),
                    "ScheduleConfig" => crate::optim::ScheduleConfig::deserialize(&node).map(|_| ()),
                    "EncoderConfig" => crate::model::EncoderConfig::deserialize(&node).map(|_| ()),
                    _ => crate::dataset::SourceConfig::deserialize(&node).map(|_| ()),
                };
                outcome.unwrap_or_else(|error| panic!("{name}.{key}: {error}"));
            }
        }
    }
}
