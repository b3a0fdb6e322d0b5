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
    /// A pipeline file that this one builds on, relative to the directory of this file: its values apply where this file
    /// has none of its own. `name` and the report's `title` are not inherited.
    #[schemars(extend("x-whole-file" = true))]
    extends: Option<String>,
    /// Name of the study and of its directory under `outputs/runs`; default the file's name without `.toml`.
    #[schemars(extend("x-whole-file" = true, "x-not-inherited" = true))]
    name: Option<String>,
    /// Seed of every random number; a whole number of at least 0.
    #[serde(default)]
    seed: u64,
    /// Where training runs: `"auto"` (CUDA where there is a device, else the CPU), `"cpu"`, `"cuda"` or `"cuda:N"`.
    #[serde(default = "auto")]
    device: String,
    /// When artifacts are checked against their digests before they are read: `"changed"` (files whose inode, size or times
    /// differ from those of the last check), `"always"` (in every run) or `"size"` (never; only sizes are compared).
    #[serde(default)]
    verify: Verify,
    /// The report.
    #[schemars(extend("x-whole-file" = true))]
    report: Option<ReportConfig>,
    /// Values to be tried.
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
    /// Title; default the name of the study. A file that extends another one does not inherit its title.
    #[schemars(extend("x-not-inherited" = true))]
    pub(crate) title: Option<String>,
}

/// Values to be tried, every combination of them: dotted paths (quoted) with lists of values.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "read through its schema")]
struct Sweep {
    /// Paths whose values go together, the first with the first and so on: a table of lists of equal length. Several
    /// such tables, `[[sweep.together]]`, are combined with each other and with the other keys.
    together: Option<Together>,
    #[serde(flatten)]
    keys: BTreeMap<String, Swept>,
}

/// One group of paths that go together, or several.
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

/// The JSON Schema (2020-12) of a pipeline file with these sections, with definitions and references.
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
        // Its keys are required where one of them is written.
        let written: Vec<Value> =
            definition["required"].as_array().into_iter().flatten().map(|key| json!({ "required": [key] })).collect();
        section["if"] = json!({ "anyOf": written });
        section["then"] = json!({ "required": definition["required"] });
    }
    section
}
