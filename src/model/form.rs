//! How encoders are written in pipeline files and in artifact keys: a table with one key, the name of the kind.

use crate::base::Result;
use crate::model::layers::Encoder;
use crate::model::registry::Registry;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, de::DeserializeOwned};

/// A kind of encoder: its options and the layers that they give.
pub(super) trait EncoderKind: Clone + PartialEq + Serialize + DeserializeOwned + JsonSchema + 'static {
    /// The forms in which the kind is written, the canonical one first.
    const FORMS: &'static [Form<Self>];

    /// Returns the name of the form in which it is serialized. Artifact keys are hashed from it, so it must not change.
    fn serialized_form(&self) -> &'static str {
        Self::FORMS[0].name
    }

    /// Returns the layers for images of `side` x `side` pixels and registers what they have.
    ///
    /// # Errors
    /// The images are too small for the layers.
    fn build(&self, side: usize, registry: &mut Registry) -> Result<Encoder>;

    /// Returns the same layers with the options that do not affect shapes at their defaults.
    fn shapes(&self) -> Self;
}

/// A key, and the function that sets it in the options.
type Preset<K> = (&'static str, fn(K) -> K);

/// A name of a kind of encoder.
pub(super) struct Form<K: 'static> {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    /// The key that a short form sets by its name, and the options with that key set.
    pub(super) preset: Option<Preset<K>>,
}

impl<K: EncoderKind> Form<K> {
    /// Returns the form of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        K::FORMS.iter().find(|form| form.name == name)
    }

    /// Returns the meaning of options that were written in this form.
    pub(super) fn read(&self, options: K) -> K {
        match self.preset {
            Some((_, set)) => set(options),
            None => options,
        }
    }

    /// Returns the JSON Schema of each form of the kind.
    pub(super) fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
        K::FORMS.iter().map(|form| form.schema(generator)).collect()
    }

    fn schema(&self, generator: &mut SchemaGenerator) -> Schema {
        let options = match self.preset {
            None => generator.subschema_for::<K>(),
            Some((key, _)) => without(K::json_schema(generator), key, &K::schema_name()),
        };
        json_schema!({
            "description": self.meaning,
            "type": "object",
            "properties": { self.name: options },
            "required": [self.name],
            "additionalProperties": false,
        })
    }
}

/// Returns the schema of a type without one of its keys. It has the name of the type, whose keys the reference page
/// lists once.
fn without(mut schema: Schema, key: &str, type_name: &str) -> Schema {
    if let Some(serde_json::Value::Object(properties)) = schema.get_mut("properties") {
        properties.remove(key);
    }
    schema.insert("x-type".to_owned(), type_name.into());
    schema
}
