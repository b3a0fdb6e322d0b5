//! STL-10 in its binary format: 96 x 96 pixels in column-major planes, and labels 1 to 10 in a separate file. The
//! unlabeled images (`unlabeled_X.bin`) are not used.

use super::problem::{SourceProblem, check_path};
use super::records::{self, RecordFile, RecordLayout, class_names, count};
use super::{Listing, Source};
use crate::base::{Error, Result, files};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// STL-10 in its binary format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stl10 {
    /// Directory with the files under their published names, such as `train_X.bin`.
    #[schemars(extend("format" = "path"))]
    pub path: PathBuf,
}

impl Source for Stl10 {
    fn check(&self, _: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        check_path("path", &self.path).into_iter().collect()
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let (classes, files) = open(&self.path)?;
        Ok(records::list(classes, files))
    }

    fn content(&self, _: usize) -> Value {
        json!("STL-10")
    }

    fn pixels(&self, _: usize, _: bool) -> Value {
        json!("STL-10")
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn describe(&self) -> String {
        "STL-10".to_owned()
    }
}

const LAYOUT: RecordLayout = RecordLayout { side: 96, header: 0, by_column: true };
const CLASSES: usize = 10;
/// Class names if class_names.txt is missing.
const NAMES: [&str; CLASSES] = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

/// Opens `train_X.bin`, `train_y.bin`, `test_X.bin` and `test_y.bin`.
///
/// # Errors
/// A file is missing or damaged.
fn open(directory: &Path) -> Result<(Vec<String>, Vec<RecordFile>)> {
    let names = class_names(&directory.join("class_names.txt"), CLASSES)?
        .unwrap_or_else(|| NAMES.iter().map(|&name| name.to_owned()).collect());
    for name in ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"] {
        if !directory.join(name).exists() {
            return Err(Error::stage(format!("{name} is missing"))
                .at(directory.display().to_string())
                .help("set path to the directory that stl10_binary.tar.gz unpacks to (stl10_binary)"));
        }
    }
    Ok((names, vec![open_subset(directory, "train", false)?, open_subset(directory, "test", true)?]))
}

fn open_subset(directory: &Path, subset: &str, is_test: bool) -> Result<RecordFile> {
    let (images, label_file) = (directory.join(format!("{subset}_X.bin")), directory.join(format!("{subset}_y.bin")));
    let records = count(&images, LAYOUT.record())?;
    let bytes = files::read(&label_file)?;
    let damaged = |what: String| {
        Error::stage(what)
            .at(label_file.display().to_string())
            .help("the file is damaged or is not an STL-10 file: download or unpack it again")
    };
    if bytes.len() != records {
        return Err(damaged(format!("{} labels for {records} images", bytes.len())));
    }
    if let Some(record) = bytes.iter().position(|label| !(1..=CLASSES).contains(&usize::from(*label))) {
        return Err(damaged(format!("record {record} has the label {}, but labels are 1 to {CLASSES}", bytes[record])));
    }
    let labels = bytes.iter().map(|&label| usize::from(label) - 1).collect();
    RecordFile::new(images, labels, is_test, LAYOUT)
}
