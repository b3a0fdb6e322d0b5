//! Network keys of a pipeline file. A new kind of encoder is a file beside this one and a line in `encoders!`.

use crate::base::Result;
use crate::model::form::{EncoderKind, Form};
use crate::model::layers::Encoder;
use crate::model::registry::Registry;
use crate::model::resnet::ResnetConfig;
use crate::model::tiny::TinyConfig;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{EnumAccess, Error as _, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Declares [`EncoderConfig`] with a variant per kind of encoder.
macro_rules! encoders {
    ($($kind:ident($config:ty)),* $(,)?) => {
        /// The encoder f: image to feature vector h.
        #[derive(Clone, Debug, PartialEq)]
        pub enum EncoderConfig {
            $(#[doc = concat!("An encoder with the options of [`", stringify!($config), "`].")] $kind($config),)*
        }

        impl EncoderConfig {
            /// Returns the layers for images of `side` x `side` pixels and registers what they have.
            pub(super) fn build(&self, side: usize, registry: &mut Registry) -> Result<Encoder> {
                match self {
                    $(Self::$kind(config) => config.build(side, registry),)*
                }
            }

            /// Returns whether both have the same layers, so that one can start from the weights of the other.
            pub(crate) fn has_same_layers_as(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$kind(config), Self::$kind(other)) => config.shapes() == other.shapes(),)*
                    _ => false,
                }
            }

            fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
                [$(Form::<$config>::schemas(generator)),*].concat()
            }
        }

        impl Serialize for EncoderConfig {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$kind(config) => {
                        serializer.serialize_newtype_variant(ENCODER, 0, config.serialized_form(), config)
                    })*
                }
            }
        }

        impl<'de> Visitor<'de> for EncoderVisitor {
            type Value = EncoderConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table with one key, the kind of the encoder")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<EncoderConfig, A::Error> {
                let (name, options) = access.variant::<String>()?;
                $(if let Some(form) = Form::<$config>::named(&name) {
                    return Ok(EncoderConfig::$kind(form.read(options.newtype_variant()?)));
                })*
                Err(A::Error::custom(format!("unknown kind of encoder `{name}`")))
            }
        }
    };
}

encoders! {
    Resnet(ResnetConfig),
    Tiny(TinyConfig),
}

/// Name of the type in schemas.
const ENCODER: &str = "EncoderConfig";

struct EncoderVisitor;

impl<'de> Deserialize<'de> for EncoderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum(ENCODER, &[], EncoderVisitor)
    }
}

impl JsonSchema for EncoderConfig {
    fn schema_name() -> Cow<'static, str> {
        ENCODER.into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The encoder f: image to feature vector h.",
            "oneOf": Self::schemas(generator),
        })
    }
}

/// Images over which batch norm computes its statistics in pretraining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchNorm {
    /// Over both views of the batch together, as one call of the model on 2N images does (the SimCLR code).
    #[default]
    Joint,
    /// Over each view separately, as two calls of the model do (the W&B report, many PyTorch examples): the first views
    /// are normalized with their own statistics, then the second views with theirs, and the running statistics are
    /// updated twice.
    PerView,
    /// Over both views of each shard (`shards`), as data-parallel training without synchronized batch norm does; the running
    /// statistics are updated by the mean over the shards.
    Shard,
}

impl BatchNorm {
    /// Returns the number of groups of rows, each with its own statistics.
    pub fn groups(self) -> usize {
        match self {
            Self::Joint | Self::Shard => 1,
            Self::PerView => 2,
        }
    }

    /// Returns whether statistics are over all shards of a batch.
    pub(crate) fn spans_shards(self) -> bool {
        self != Self::Shard
    }

    /// Returns whether it is the default, which is not serialized: artifacts older than this option keep their keys.
    pub(crate) fn is_joint(&self) -> bool {
        *self == Self::Joint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Artifact keys are hashed from this text: an option at its default must not change it.
    #[test]
    fn default_options_are_not_serialized() {
        let written = |config: EncoderConfig| serde_json::to_string(&config).unwrap();
        let resnet = r#"{"resnet18":{"width":1.0,"stem":"imagenet","variant":"torchvision"}}"#;
        assert_eq!(written(EncoderConfig::Resnet18(ResnetConfig::default())), resnet);
        assert_eq!(written(EncoderConfig::Tiny(TinyConfig::default())), r#"{"tiny":{"width":1.0}}"#);
        let head = crate::model::ProjectionConfig::from(&[128]);
        assert_eq!(serde_json::to_string(&head).unwrap(), r#"{"layers":[128]}"#);
    }

    #[test]
    fn short_forms_and_depths_are_read_as_the_same_encoder() {
        let read = |json: &str| serde_json::from_str::<EncoderConfig>(json);
        for (depth, short) in [(18, "resnet18"), (34, "resnet34"), (50, "resnet50")] {
            let config = read(&format!(r#"{{"resnet":{{"depth":{depth},"width":0.5}}}}"#)).unwrap();
            assert_eq!(config, read(&format!(r#"{{"{short}":{{"width":0.5}}}}"#)).unwrap());
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(text, format!(r#"{{"{short}":{{"width":0.5,"stem":"imagenet","variant":"torchvision"}}}}"#));
            assert_eq!(read(&text).unwrap(), config);
        }
        for depth in [101, 152] {
            let text =
                format!(r#"{{"resnet":{{"depth":{depth},"width":1.0,"stem":"imagenet","variant":"torchvision"}}}}"#);
            assert_eq!(serde_json::to_string(&read(&text).unwrap()).unwrap(), text);
        }
        assert_eq!(read(r#"{"resnet":{}}"#).unwrap(), read(r#"{"resnet50":{}}"#).unwrap());
        let error = read(r#"{"resnet":{"depth":20}}"#).unwrap_err().to_string();
        assert!(error.contains("must be 18, 34, 50, 101 or 152, got 20"), "{error}");
        assert!(read(r#"{"resnet19":{}}"#).unwrap_err().to_string().contains("resnet19"));
    }

    #[test]
    fn the_schema_has_every_form_and_no_depth_in_short_forms() {
        let schema = schemars::schema_for!(EncoderConfig).to_value();
        let forms = schema["oneOf"].as_array().unwrap();
        let names: Vec<&str> = forms.iter().map(|form| form["required"][0].as_str().unwrap()).collect();
        assert_eq!(names, ["resnet", "resnet18", "resnet34", "resnet50", "tiny"]);
        let short = &forms[1]["properties"]["resnet18"];
        assert!(short["properties"]["depth"].is_null() && short["properties"]["width"].is_object(), "{short:#}");
        assert_eq!(short["additionalProperties"], false);
        assert_eq!(schema["$defs"]["ResnetConfig"]["properties"]["depth"]["default"], 50);
    }

    #[test]
    fn options_that_do_not_affect_shapes_allow_loading_weights() {
        let config = |zero_init_residual, width| {
            EncoderConfig::Tiny(TinyConfig { width, zero_init_residual, ..TinyConfig::default() })
        };
        assert!(config(true, 1.0).has_same_layers_as(&config(false, 1.0)));
        assert!(!config(false, 0.5).has_same_layers_as(&config(false, 1.0)));
    }
}
