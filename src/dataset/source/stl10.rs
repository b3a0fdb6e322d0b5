//! STL-10 in its binary format: 96 x 96 pixels in column-major planes, and labels 1 to 10 in a separate file.

use super::problem::{SourceProblem, check_path};
use super::records::{self, RecordFile, RecordLayout, class_names, count};
use super::{Listing, Source};
use crate::base::{Error, Result, files};
use crate::dataset::part::Part;
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
    /// Images to train on, as in torchvision: `"train+unlabeled"` adds the unlabeled images to pretraining, and
    /// `"unlabeled"` is a data set of these alone, without labels or test images. Default: `"train"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Stl10Split>,
}

/// Images of STL-10 to train on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stl10Split {
    /// The labeled images.
    #[default]
    #[serde(rename = "train")]
    Train,
    /// The labeled images and, for pretraining, the unlabeled ones.
    #[serde(rename = "train+unlabeled")]
    TrainAndUnlabeled,
    /// The unlabeled images.
    #[serde(rename = "unlabeled")]
    Unlabeled,
}

impl Source for Stl10 {
    fn check(&self, _: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        check_path("path", &self.path).into_iter().collect()
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let split = self.split.unwrap_or_default();
        if split == Stl10Split::Unlabeled {
            let unlabeled = open_unlabeled(&self.path, Part::Training)?;
            return Ok(records::list(vec![String::new()], vec![unlabeled]));
        }
        let (classes, mut files) = open(&self.path)?;
        if split == Stl10Split::TrainAndUnlabeled {
            files.push(open_unlabeled(&self.path, Part::Unlabeled)?);
        }
        Ok(records::list(classes, files))
    }

    fn content(&self, _: usize, _: Option<f64>) -> Value {
        json!("STL-10")
    }

    fn pixels(&self, _: usize, _: Part) -> Value {
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
        check_exists(directory, name)?;
    }
    Ok((names, vec![open_subset(directory, "train", Part::Training)?, open_subset(directory, "test", Part::Test)?]))
}

/// Opens `unlabeled_X.bin`.
fn open_unlabeled(directory: &Path, part: Part) -> Result<RecordFile> {
    const NAME: &str = "unlabeled_X.bin";
    check_exists(directory, NAME)?;
    let path = directory.join(NAME);
    let records = count(&path, LAYOUT.record())?;
    RecordFile::new(path, vec![0; records], part, LAYOUT)
}

fn check_exists(directory: &Path, name: &str) -> Result<()> {
    if directory.join(name).exists() {
        return Ok(());
    }
    Err(Error::stage(format!("{name} is missing"))
        .at(directory.display().to_string())
        .help("set path to the directory that stl10_binary.tar.gz unpacks to (stl10_binary)"))
}

fn open_subset(directory: &Path, subset: &str, part: Part) -> Result<RecordFile> {
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
    RecordFile::new(images, labels, part, LAYOUT)
}
