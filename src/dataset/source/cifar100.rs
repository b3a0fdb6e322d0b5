//! CIFAR-100 in its binary format: records of a coarse and a fine label byte and three planes of 32 x 32 pixels.

use super::problem::{SourceProblem, check_path};
use super::records::{self, RecordFile, RecordLayout, class_names};
use super::{Listing, Source};
use crate::base::{Error, Result};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::part::Part;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// CIFAR-100 in its binary format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cifar100 {
    /// Directory with the files under their published names, such as `train.bin`.
    #[schemars(extend("format" = "path"))]
    pub path: PathBuf,
    /// Which of an image's two labels is its class.
    #[serde(default)]
    pub labels: Cifar100Labels,
}

/// Labels of CIFAR-100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cifar100Labels {
    /// The 100 classes.
    #[default]
    Fine,
    /// The 20 superclasses of five classes each.
    Coarse,
}

impl Cifar100Labels {
    fn classes(self) -> usize {
        match self {
            Self::Fine => 100,
            Self::Coarse => 20,
        }
    }

    /// Returns which byte of a record it is.
    fn column(self) -> usize {
        match self {
            Self::Fine => 1,
            Self::Coarse => 0,
        }
    }

    fn file_of_names(self) -> &'static str {
        match self {
            Self::Fine => "fine_label_names.txt",
            Self::Coarse => "coarse_label_names.txt",
        }
    }
}

const LAYOUT: RecordLayout = RecordLayout { side: 32, header: 2, by_column: false };

impl Cifar100 {
    /// Opens a file of images.
    fn open(&self, name: &str, part: Part) -> Result<RecordFile> {
        let path = self.path.join(name);
        if !path.exists() {
            return Err(self.missing(name));
        }
        RecordFile::labeled(path, part, LAYOUT, self.labels.column(), self.labels.classes())
    }

    fn missing(&self, name: &str) -> Error {
        Error::stage(format!("{name} is missing"))
            .at(self.place())
            .help("set path to the directory that cifar-100-binary.tar.gz unpacks to (cifar-100-binary)")
    }
}

impl Source for Cifar100 {
    fn check(&self, _: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        check_path("path", &self.path).into_iter().collect()
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let files = vec![self.open("train.bin", Part::Training)?, self.open("test.bin", Part::Test)?];
        let name = self.labels.file_of_names();
        let classes = class_names(&self.path.join(name), self.labels.classes())?.ok_or_else(|| self.missing(name))?;
        Ok(records::list(classes, files))
    }

    fn content(&self, _: usize, _: Option<f64>) -> Value {
        json!({ "CIFAR-100": self.labels })
    }

    fn pixels(&self, _: usize, _: Part) -> Value {
        json!("CIFAR-100")
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn describe(&self) -> String {
        match self.labels {
            Cifar100Labels::Fine => "CIFAR-100".to_owned(),
            Cifar100Labels::Coarse => "CIFAR-100 with its 20 superclasses".to_owned(),
        }
    }

    fn notes(&self, classes: &[ClassSize]) -> Vec<String> {
        records::incomplete("CIFAR-100", (50_000, 10_000), classes).into_iter().collect()
    }
}
