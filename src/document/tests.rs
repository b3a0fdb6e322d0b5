//! Documents of another trade: what a file means comes from its schema alone.

use crate::document::schema::inline::inlined;
use crate::document::schema::reference;
use crate::document::{Diagnostics, Document, PathStep, Problems, TomlValue, read, references, structure};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value as Schema, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

/// A bakery.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Bakery")]
#[expect(dead_code, reason = "read through its schema")]
struct Bakery {
    extends: Option<String>,
    #[schemars(extend("x-whole-file" = true, "x-not-inherited" = true))]
    name: Option<String>,
    /// Hour at which work begins.
    #[schemars(range(min = 0, max = 23))]
    hour: Option<u32>,
    /// The ovens.
    #[schemars(extend("x-default-table" = true))]
    oven: BTreeMap<String, Oven>,
    /// The breads.
    #[schemars(extend("x-stage" = true))]
    bread: BTreeMap<String, Bread>,
    sweep: Option<BTreeMap<String, Schema>>,
}

/// An oven.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Oven {
    /// Degrees Celsius.
    #[schemars(range(min = 50, max = 400))]
    degrees: f64,
    /// Where its log is written.
    #[schemars(extend("format" = "path"))]
    log: Option<String>,
}

/// A bread.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bread {
    /// The oven.
    #[schemars(extend("x-section" = "oven", "x-none" = "none"))]
    oven: Option<String>,
    /// Flours with their part of the whole.
    #[schemars(extend("x-formerly" = ["grains"]))]
    flour: Flour,
    /// Minutes, each baked by itself.
    #[serde(default)]
    #[schemars(extend("x-each" = true))]
    minutes: Vec<u32>,
}

/// What it is made of.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Flour {
    /// Rye.
    Rye(Rye),
    /// Wheat.
    Wheat {},
}

/// Rye flour.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rye {
    /// Part of the whole.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    part: f64,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut schema = inlined(&schemars::schema_for!(Bakery).to_value());
    let oven = schema["properties"]["oven"]["additionalProperties"].clone();
    schema["properties"]["oven"]["properties"] = oven["properties"].clone();
    schema["x-synonyms"] = json!([["temperature", "degrees"]]);
    schema["x-example"] = "bread.daily.minutes=[40]".into();
    schema
});

/// The schema of a bakery.
pub(super) fn bakery() -> &'static Schema {
    &SCHEMA
}

const FILE: &str = "
[oven]
degrees = 220
[oven.small]
degrees = 180
[bread.daily]
oven = 'small'
flour = { rye = { part = 0.5 } }
minutes = [40, 50]
";

fn parsed(text: &str, overrides: &[&str]) -> (Option<Document>, Problems, Vec<crate::document::SourceText>) {
    let (mut problems, mut sources) = (Problems::default(), Vec::new());
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let document =
        Document::parse(text, Path::new("/bakery/file.toml"), &overrides, bakery(), &mut sources, &mut problems);
    (document, problems, sources)
}

/// The first problem of a file, with its line and its help.
fn first_problem(text: &str, overrides: &[&str]) -> (String, usize, String) {
    let (document, mut problems, sources) = parsed(text, overrides);
    if let Some(document) = document {
        for variant in document.variants(&mut problems) {
            let mut tree = variant.tree;
            structure::check(&mut tree, bakery(), &mut problems);
        }
    }
    let diagnostics: Diagnostics = problems.into_diagnostics(sources);
    let first = diagnostics.iter().next().unwrap_or_else(|| panic!("nothing is wrong"));
    (first.message.to_owned(), first.line, first.help.join("; "))
}

#[test]
fn values_are_read_into_types_and_paths_are_absolute() {
    let text = FILE.replace("degrees = 180", "degrees = 180\nlog = 'small.log'");
    let (document, mut problems, _) = parsed(&text, &[]);
    let mut tree = document.unwrap().variants(&mut problems).remove(0).tree;
    structure::check(&mut tree, bakery(), &mut problems);
    let small: Option<Oven> = read(&mut tree, &["oven".into(), "small".into()], bakery(), &mut problems);
    assert_eq!(small, Some(Oven { degrees: 180.0, log: Some("/bakery/small.log".into()) }));
    assert!(problems.is_empty());
}

#[test]
fn what_is_wrong_has_a_line_and_help() {
    let (message, line, help) = first_problem(&FILE.replace("degrees = 220", "temperature = 220"), &[]);
    assert_eq!((message.as_str(), line), ("unknown key `temperature`", 3));
    assert!(help.contains("did you mean `degrees`?"), "{help}");
    let (message, line, _) = first_problem(&FILE.replace("180", "1800"), &[]);
    assert_eq!((message.as_str(), line), ("`degrees` must be between 50 and 400, got 1800", 5));
    let (message, ..) = first_problem(&FILE.replace("0.5", "0"), &[]);
    assert_eq!(message, "`part` must be above 0 and at most 1, got 0");
    let (message, ..) = first_problem(FILE, &["hour=24"]);
    assert_eq!(message, "`hour` must be between 0 and 23, got 24");
    let (message, _, help) = first_problem("[oven]\ndegrees = 220", &[]);
    assert_eq!(message, "the file declares no stages");
    assert!(help.contains("`[bread.NAME]`"), "{help}");
    let (_, _, help) = first_problem(FILE, &["hour"]);
    assert!(help.contains("--set bread.daily.minutes=[40]"), "{help}");
}

#[test]
fn a_section_may_have_a_default_table_and_named_ones() {
    let only_named = FILE.replace("[oven]\ndegrees = 220\n", "");
    let (document, mut problems, _) = parsed(&only_named, &[]);
    let mut tree = document.unwrap().variants(&mut problems).remove(0).tree;
    structure::check(&mut tree, bakery(), &mut problems);
    assert!(problems.is_empty(), "the keys of the default table are required where it exists");
    let (message, line, _) = first_problem(&FILE.replace("degrees = 220", "degree = 220"), &[]);
    assert_eq!((message.as_str(), line), ("unknown key `degree`", 3), "a value is not a table");
}

#[test]
fn references_are_found_with_their_places() {
    let (document, mut problems, _) = parsed(FILE, &[]);
    let tree = document.unwrap().variants(&mut problems).remove(0).tree;
    let found = references(&tree, &[], bakery());
    let path: Vec<PathStep> = ["bread", "daily", "oven"].map(PathStep::from).into();
    assert_eq!((found[0].section, found[0].name.as_str(), &found[0].path), ("oven", "small", &path));
    let (document, mut problems, _) = parsed(&FILE.replace("'small'", "'none'"), &[]);
    assert!(references(&document.unwrap().variants(&mut problems)[0].tree, &[], bakery()).is_empty());
}

#[test]
fn earlier_names_of_keys_are_read() {
    let (document, mut problems, _) = parsed(&FILE.replace("flour =", "grains ="), &[]);
    let tree = document.unwrap().variants(&mut problems).remove(0).tree;
    let flour = tree.get(&["bread", "daily", "flour"].map(PathStep::from)).unwrap();
    assert!(matches!(flour.value, TomlValue::Table(_)));
}

#[test]
fn a_sweep_makes_variants_and_settings_win_over_it() {
    let text = format!("{FILE}[sweep]\n'oven.small.degrees' = [150, 160, 170]\n");
    let (document, mut problems, _) = parsed(&text, &[]);
    let variants = document.unwrap().variants(&mut problems);
    assert_eq!(
        variants.iter().map(|variant| variant.settings[0].1.as_str()).collect::<Vec<_>>(),
        ["150", "160", "170"]
    );
    let (document, mut problems, _) = parsed(&text, &["oven.small.degrees=155"]);
    assert_eq!(document.unwrap().variants(&mut problems).len(), 1);
    let (message, ..) = first_problem(&format!("{FILE}[sweep]\nname = ['a']\n"), &[]);
    assert_eq!(message, "`name` cannot be swept");
}

#[test]
fn the_reference_page_has_ranges_and_alternatives() {
    let page = reference::reference(bakery(), &["oven", "bread"]);
    for line in [
        "## `[oven]`, `[oven.NAME]`",
        "## `[bread.NAME]`",
        "| `degrees` | number | between 50 and 400 | required | Degrees Celsius. |",
        "- `{ rye = { ... } }`: Rye. Keys: `part`.",
        "| `part` | number | above 0 and at most 1 | required | Part of the whole. |",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
}

#[test]
fn nothing_here_knows_what_the_files_are_for() {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/document")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
            let words = ["sim", "clr"].concat();
            for word in [words.as_str(), "pretrain", "nt_xent", "encoder", "augment", "contrastive", "dfdx"] {
                let is_this_list = path.ends_with("tests.rs");
                assert!(is_this_list || !text.contains(word), "{} says {word}", path.display());
            }
        }
    }
}
