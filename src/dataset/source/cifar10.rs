//! CIFAR-10 in its binary format: records of a label byte and three planes of 32 x 32 pixels.

use super::problem::{SourceProblem, check_path};
use super::records::{self, RecordFile, RecordLayout, class_names};
use super::{Listing, Source};
use crate::base::{Error, Result};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::part::Part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// CIFAR-10 in its binary format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar10 {
    /// Directory with the files under their published names, such as `data_batch_1.bin`.
    #[schemars(extend("format" = "path"))]
    pub path: PathBuf,
}

impl Source for Cifar10 {
    fn check(&self, _: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        check_path("path", &self.path).into_iter().collect()
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let (classes, files) = open(&self.path)?;
        Ok(records::list(classes, files))
    }

    fn content(&self, _: usize, _: Option<f64>) -> Value {
        json!("CIFAR-10")
    }

    fn pixels(&self, _: usize, _: Part) -> Value {
        json!("CIFAR-10")
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn describe(&self) -> String {
        "CIFAR-10".to_owned()
    }

    fn notes(&self, classes: &[ClassSize]) -> Vec<String> {
        records::incomplete("CIFAR-10", (TRAINING_FILES * RECORDS, RECORDS), classes).into_iter().collect()
    }
}

const LAYOUT: RecordLayout = RecordLayout { side: 32, header: 1, by_column: false };
const CLASSES: usize = 10;
const TRAINING_FILES: usize = 5;
/// Images in each of the five training files and in the test file, as published.
const RECORDS: usize = 10_000;
/// Class names if batches.meta.txt is missing.
const NAMES: [&str; CLASSES] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Opens those of `data_batch_1.bin` to `data_batch_5.bin` that exist, and `test_batch.bin`.
///
/// # Errors
/// All training files or the test file are missing, or a file is damaged.
fn open(directory: &Path) -> Result<(Vec<String>, Vec<RecordFile>)> {
    let names = class_names(&directory.join("batches.meta.txt"), CLASSES)?
        .unwrap_or_else(|| NAMES.iter().map(|&name| name.to_owned()).collect());
    let mut opened = Vec::new();
    for number in 1..=TRAINING_FILES {
        let path = directory.join(format!("data_batch_{number}.bin"));
        if path.exists() {
            opened.push(open_file(&path, Part::Training)?);
        }
    }
    let test = directory.join("test_batch.bin");
    if opened.is_empty() || !test.exists() {
        let missing = if opened.is_empty() { "data_batch_1.bin" } else { "test_batch.bin" };
        return Err(Error::stage(format!("{missing} is missing"))
            .at(directory.display().to_string())
            .help("set path to the directory that cifar-10-binary.tar.gz unpacks to (cifar-10-batches-bin)"));
    }
    opened.push(open_file(&test, Part::Test)?);
    Ok((names, opened))
}

fn open_file(path: &Path, part: Part) -> Result<RecordFile> {
    RecordFile::labeled(path.to_owned(), part, LAYOUT, 0, CLASSES)
}
