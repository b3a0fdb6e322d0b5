//! A serde deserializer for the tree. Errors carry the path of the invalid value.

use crate::document::node::{PathStep, TableEntry, TomlNode, TomlValue};
use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use std::fmt;

/// An error of deserialization: a value that its type does not accept.
#[derive(Debug)]
pub(crate) struct InvalidValue {
    /// What is wrong with the value.
    pub(crate) message: String,
    /// The path of the value, last step first.
    reversed: Vec<PathStep>,
}

impl InvalidValue {
    /// Returns the path of the value, first step first.
    pub(crate) fn path(&self) -> Vec<PathStep> {
        self.reversed.iter().rev().cloned().collect()
    }

    fn within(mut self, step: PathStep) -> Self {
        self.reversed.push(step);
        self
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for InvalidValue {}

impl de::Error for InvalidValue {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), reversed: Vec::new() }
    }
}

impl<'de> Deserializer<'de> for &'de TomlNode {
    type Error = InvalidValue;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        match &self.value {
            TomlValue::String(text) => visitor.visit_borrowed_str(text),
            TomlValue::Integer(integer) => match (i64::try_from(*integer), u64::try_from(*integer)) {
                (Ok(integer), _) => visitor.visit_i64(integer),
                (_, Ok(integer)) => visitor.visit_u64(integer),
                _ => visitor.visit_i128(*integer),
            },
            TomlValue::Float(number) => visitor.visit_f64(*number),
            TomlValue::HugeNumber(text) => Err(de::Error::custom(format!("the number {text} is too large"))),
            TomlValue::Boolean(boolean) => visitor.visit_bool(*boolean),
            TomlValue::Datetime => Err(de::Error::custom("dates are not supported")),
            TomlValue::Array(items) => visitor.visit_seq(Items { items: items.iter(), next: 0 }),
            TomlValue::Table(entries) => visitor.visit_map(Entries { entries: entries.iter(), current: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InvalidValue> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InvalidValue> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InvalidValue> {
        match &self.value {
            TomlValue::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            TomlValue::Table(entries) if entries.len() == 1 => visitor.visit_enum(Choice { entry: &entries[0] }),
            _ => Err(de::Error::custom("expected a table with one key")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Items<'de> {
    items: std::slice::Iter<'de, TomlNode>,
    next: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = InvalidValue;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, InvalidValue> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(item).map(Some).map_err(|error| error.within(PathStep::Index(index)))
    }
}

struct Entries<'de> {
    entries: std::slice::Iter<'de, TableEntry>,
    current: Option<&'de TableEntry>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = InvalidValue;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, InvalidValue> {
        self.current = self.entries.next();
        let Some(entry) = self.current else { return Ok(None) };
        let key: de::value::StrDeserializer<'_, InvalidValue> = entry.key.as_str().into_deserializer();
        seed.deserialize(key).map(Some).map_err(|error| error.within(PathStep::Key(entry.key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, InvalidValue> {
        let entry = self.current.ok_or_else(|| <InvalidValue as de::Error>::custom("a value without a key"))?;
        seed.deserialize(&entry.node).map_err(|error| error.within(PathStep::Key(entry.key.clone())))
    }
}

/// A table with one key, read as an enum variant with its parameters.
struct Choice<'de> {
    entry: &'de TableEntry,
}

impl<'de> de::EnumAccess<'de> for Choice<'de> {
    type Error = InvalidValue;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), InvalidValue> {
        let name: de::value::StrDeserializer<'_, InvalidValue> = self.entry.key.as_str().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Choice<'de> {
    type Error = InvalidValue;

    fn unit_variant(self) -> Result<(), InvalidValue> {
        Err(de::Error::custom(format!("`{}` takes no parameters", self.entry.key)))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, InvalidValue> {
        seed.deserialize(&self.entry.node).map_err(|error| error.within(PathStep::Key(self.entry.key.clone())))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, InvalidValue> {
        self.entry.node.deserialize_any(visitor).map_err(|error| error.within(PathStep::Key(self.entry.key.clone())))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, InvalidValue> {
        self.entry.node.deserialize_any(visitor).map_err(|error| error.within(PathStep::Key(self.entry.key.clone())))
    }
}
