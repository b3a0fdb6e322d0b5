//! The pipeline file: the keys at its top and the sections of all kinds, as one JSON Schema.

use crate::engine::store::Verify;
use crate::study::{AnyKind, Tables};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A pipeline file: one SimCLR study.
// Only its schema is used: the keys are read one by one, so that one bad value hides no other.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Pipeline")]
#[expect(dead_code, reason = "read through its schema")]
struct File {
    /// Base file that this file builds on, relative to the directory of this file. Values of this file override those
    /// of the base. `name` and the report's `title` are not inherited.
    #[schemars(extend("x-whole-file" = true))]
    extends: Option<String>,
    /// Name of the study and of its directory under `outputs/runs`. Default: the file name without `.toml`.
    #[schemars(extend("x-whole-file" = true, "x-not-inherited" = true))]
    name: Option<String>,
    /// Seed of all random number generators.
    #[serde(default)]
    seed: u64,
    /// Device to run on: `"auto"` (a CUDA GPU if available, else the CPU), `"cpu"`, `"cuda"` (the first GPU) or
    /// `"cuda:N"`.
    #[serde(default = "auto")]
    device: String,
    /// When the digests of stored artifacts are checked before the artifacts are used.
    #[serde(default)]
    verify: Verify,
    /// The report.
    #[schemars(extend("x-whole-file" = true))]
    report: Option<ReportConfig>,
    /// Values to try.
    #[schemars(extend("x-whole-file" = true))]
    sweep: Option<Sweep>,
}

fn auto() -> String {
    "auto".to_owned()
}

/// The report.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Report")]
pub(crate) struct ReportConfig {
    /// Title of the report. Default: the name of the study. Not inherited through `extends`.
    #[schemars(extend("x-not-inherited" = true))]
    pub(crate) title: Option<String>,
}

/// Values to try, in every combination: dotted paths (quoted) with lists of values.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read through its schema")]
struct Sweep {
    /// Paths whose values vary together, the first value of each, then the second: a table of lists of equal length.
    /// Several such tables, `[[sweep.together]]`, are combined with each other and with the other keys.
    together: Option<Together>,
    #[serde(flatten)]
    keys: BTreeMap<String, Swept>,
}

/// One group of paths that vary together, or several.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "read through its schema")]
enum Together {
    One(BTreeMap<String, Swept>),
    Several(Vec<BTreeMap<String, Swept>>),
}

/// The values of a swept path, or a table of the paths below it.
struct Swept;

impl JsonSchema for Swept {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Swept".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["array", "object"], "minItems": 1 })
    }
}

/// Returns the JSON Schema (2020-12) of a pipeline file with these sections, with definitions and references.
pub(crate) fn file_schema(kinds: &[&dyn AnyKind]) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let sections: Vec<(&str, Value)> =
        kinds.iter().map(|kind| (kind.section(), section(*kind, &mut generator))).collect();
    let mut file = generator.into_root_schema_for::<File>().to_value();
    if let Some(properties) = file.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(sections.into_iter().map(|(name, section)| (name.to_owned(), section)));
    }
    let is_required = |kind: &&&dyn AnyKind| kind.tables() == Tables::DefaultAndNamed;
    file["required"] = kinds.iter().filter(is_required).map(|kind| kind.section()).collect();
    file
}

fn section(kind: &dyn AnyKind, generator: &mut SchemaGenerator) -> Value {
    let table = kind.schema(generator).to_value();
    let mut section = json!({ "type": "object", "additionalProperties": table, "x-stage": kind.is_computed() });
    if kind.tables() == Tables::DefaultAndNamed {
        let definition = table.get("$ref").and_then(Value::as_str).and_then(|name| name.rsplit('/').next());
        let definition = definition.and_then(|name| generator.definitions().get(name)).cloned().unwrap_or_default();
        section["properties"] = definition["properties"].clone();
        section["x-default-table"] = true.into();
        // Its keys are required if one of them is set.
        let written: Vec<Value> =
            definition["required"].as_array().into_iter().flatten().map(|key| json!({ "required": [key] })).collect();
        section["if"] = json!({ "anyOf": written });
        section["then"] = json!({ "required": definition["required"] });
    }
    section
}
