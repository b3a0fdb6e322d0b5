//! The language of pipeline files: the sections of all kinds, as a JSON Schema and as the reference page.

use crate::document::schema::inline::inlined;
use crate::document::schema::{editor, reference as page};
use crate::stages::KINDS;
use crate::study::file::file_schema;
use crate::study::read::Language;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Names of keys that are common in other programs, each with its name here.
const SYNONYMS: [(&str, &str); 20] = [
    ("lr", "learning_rate"),
    ("tau", "temperature"),
    ("wd", "weight_decay"),
    ("l2", "weight_decay"),
    ("bs", "batch_size"),
    ("batch", "batch_size"),
    ("num_epochs", "epochs"),
    ("n_epochs", "epochs"),
    ("max_epochs", "epochs"),
    ("steps", "epochs"),
    ("size", "image_size"),
    ("resolution", "image_size"),
    ("transforms", "augment"),
    ("augmentation", "augment"),
    ("transforms", "ops"),
    ("operators", "ops"),
    ("hidden", "layers"),
    ("random_crop", "random_resized_crop"),
    ("clip_grad_norm", "gradient_clip"),
    ("projector", "projection"),
];

static FILE: LazyLock<Value> = LazyLock::new(|| file_schema(KINDS));

static LANGUAGE: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = inlined(&FILE);
    schema["x-synonyms"] = SYNONYMS.map(|(name, meant)| json!([name, meant])).as_slice().into();
    schema["x-example"] = "pretrain.main.epochs=10".into();
    schema
});

/// Returns the kinds of sections and the schema of the file that consists of them.
pub(crate) fn language() -> Language {
    Language { kinds: KINDS, schema: &LANGUAGE }
}

/// Returns the JSON Schema (2020-12) of a pipeline file, for editors: `docs/pipeline.schema.json`.
pub fn schema() -> Value {
    editor::schema(
        &FILE,
        json!({
            "$id": "urn:simclr:pipeline",
            "title": "simclr pipeline",
            "description": "A pipeline file of simclr: data sets, augmentation, stages, report and sweep. Every key is \
                            documented in docs/configuration.md.",
        }),
    )
}

/// Returns every section and key with its type, range, default and meaning, as Markdown: the second part of
/// `docs/configuration.md`.
pub fn reference() -> String {
    let sections: Vec<&str> = KINDS.iter().map(|kind| kind.section()).chain(["report", "sweep"]).collect();
    page::reference(&LANGUAGE, &sections)
}
