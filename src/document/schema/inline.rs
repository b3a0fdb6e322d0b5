//! A JSON Schema without references, so that every part of it can be read by itself.

use serde_json::{Map, Value};

/// Keyword with the name of the definition that a part was made from.
pub(crate) const TYPE: &str = "x-type";
/// Keyword with the description of that definition, where the place that refers to it has one of its own.
pub(crate) const TYPE_DESCRIPTION: &str = "x-type-description";

/// Puts each definition in the place of the references to it. A schema that refers to itself has no such form.
pub(crate) fn inlined(schema: &Value) -> Value {
    let empty = Map::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    let mut whole = part(schema, definitions);
    if let Value::Object(whole) = &mut whole {
        whole.remove("$defs");
    }
    whole
}

fn part(schema: &Value, definitions: &Map<String, Value>) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(|item| part(item, definitions)).collect(),
        Value::Object(object) => match definition(object, definitions) {
            Some((name, definition)) => referred(name, part(definition, definitions), object),
            None => object
                .iter()
                .filter(|(key, _)| *key != "$defs")
                .map(|(key, value)| (key.clone(), part(value, definitions)))
                .collect(),
        },
        other => other.clone(),
    }
}

fn definition<'a>(object: &'a Map<String, Value>, definitions: &'a Map<String, Value>) -> Option<(&'a str, &'a Value)> {
    let name = object.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    Some((name, definitions.get(name)?))
}

/// The definition with the keywords that stand beside the reference.
fn referred(name: &str, definition: Value, beside: &Map<String, Value>) -> Value {
    let mut whole = match definition {
        Value::Object(whole) => whole,
        _ => Map::new(),
    };
    whole.insert(TYPE.to_owned(), name.into());
    for (key, value) in beside.iter().filter(|(key, _)| *key != "$ref") {
        if key == "description"
            && let Some(of_type) = whole.get(key)
        {
            let of_type = of_type.clone();
            whole.insert(TYPE_DESCRIPTION.to_owned(), of_type);
        }
        whole.insert(key.clone(), value.clone());
    }
    Value::Object(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn definitions_take_the_place_of_references_and_keep_both_descriptions() {
        let schema = json!({
            "properties": { "wheel": { "$ref": "#/$defs/Wheel", "description": "in front" }, "n": { "type": "integer" } },
            "$defs": { "Wheel": { "type": "object", "description": "a wheel", "properties": { "tire": { "$ref": "#/$defs/Tire" } } },
                       "Tire": { "type": "string" } }
        });
        assert_eq!(
            inlined(&schema),
            json!({ "properties": {
                "wheel": { "type": "object", "description": "in front", "x-type": "Wheel", "x-type-description": "a wheel",
                           "properties": { "tire": { "type": "string", "x-type": "Tire" } } },
                "n": { "type": "integer" } } })
        );
    }
}
