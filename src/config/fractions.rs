//! Labeled fractions of the training set as written in a file: a number or a list.

use crate::base::range;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One labeled fraction of the training set, or several.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Fractions {
    /// A number.
    One(f64),
    /// A list.
    Several(Vec<f64>),
}

impl Default for Fractions {
    fn default() -> Self {
        Self::One(1.0)
    }
}

impl Fractions {
    /// Returns the fractions in the order written.
    pub(super) fn to_vec(&self) -> Vec<f64> {
        match self {
            Self::One(fraction) => vec![*fraction],
            Self::Several(fractions) => fractions.clone(),
        }
    }
}

impl<'de> Deserialize<'de> for Fractions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FractionsVisitor)
    }
}

struct FractionsVisitor;

impl<'de> Visitor<'de> for FractionsVisitor {
    type Value = Fractions;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Fractions, E> {
        range::fraction(serde::de::value::F64Deserializer::new(number)).map(Fractions::One)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Fractions, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Fractions, E> {
        self.visit_f64(number as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Fractions, A::Error> {
        let mut fractions = Vec::new();
        while let Some(Fraction(fraction)) = list.next_element()? {
            fractions.push(fraction);
        }
        Ok(Fractions::Several(fractions))
    }
}

/// One element of the list; its errors carry its own index.
#[derive(Deserialize)]
#[serde(transparent)]
struct Fraction(#[serde(deserialize_with = "range::fraction")] f64);

impl JsonSchema for Fractions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fractions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0, "maximum": 1 },
                { "type": "array", "minItems": 1, "items": { "type": "number", "exclusiveMinimum": 0, "maximum": 1 } },
            ]
        })
    }
}
