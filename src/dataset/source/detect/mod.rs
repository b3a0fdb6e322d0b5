//! Recognizes which source a path is: what `simclr init` writes into a new pipeline file.

mod directories;
mod file_names;
mod shards;
mod table;

use crate::base::text::visible;
use crate::base::{Error, Result, own_output};
use crate::dataset::config::DatasetConfig;
pub(crate) use directories::named;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A value of a recognized source's table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SourceValue {
    /// Path of a file or directory.
    Path(PathBuf),
    /// Any other value.
    Plain(Value),
}

/// A recognized source, as it stands in a pipeline file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DetectedSource {
    /// Key of the source, such as `image_folder`.
    pub(crate) key: &'static str,
    /// The keys of its table, with their values.
    pub(crate) values: Vec<(&'static str, SourceValue)>,
    /// What was recognized, as a phrase.
    pub(crate) what: String,
    /// Names of what is passed over.
    pub(crate) passed_over: Vec<String>,
}

impl DetectedSource {
    fn new(key: &'static str, what: impl Into<String>) -> Self {
        Self { key, values: Vec::new(), what: what.into(), passed_over: Vec::new() }
    }

    fn path(mut self, key: &'static str, path: impl Into<PathBuf>) -> Self {
        self.values.push((key, SourceValue::Path(path.into())));
        self
    }

    fn maybe_path(self, key: &'static str, path: Option<PathBuf>) -> Self {
        match path {
            Some(path) => self.path(key, path),
            None => self,
        }
    }

    /// Adds a key whose value is not a path.
    pub(crate) fn value(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.values.push((key, SourceValue::Plain(value.into())));
        self
    }

    fn unlabeled(self) -> Self {
        self.value("labels", false)
    }

    /// Returns the configuration of a data set of this source.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub(crate) fn dataset(&self, image_size: usize) -> Result<DatasetConfig> {
        let mut table = Map::new();
        for (key, value) in &self.values {
            let value = match value {
                SourceValue::Path(path) => json!(utf8(path)?),
                SourceValue::Plain(value) => value.clone(),
            };
            table.insert((*key).to_owned(), value);
        }
        let dataset = json!({ "source": { self.key: table }, "image_size": image_size });
        serde_json::from_value(dataset).map_err(|error| Error::bug(format!("a recognized source is invalid: {error}")))
    }
}

/// Returns a path as text.
///
/// # Errors
/// It is not UTF-8.
pub(crate) fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        let error = Error::usage("the path is not UTF-8, so a pipeline file cannot contain it");
        error.at(path.display().to_string()).help("rename it")
    })
}

/// Recognizes the source at a path: a CSV, tar or Parquet file, or a directory with images in one of the usual layouts,
/// such files, or the files of CIFAR-10 or STL-10. Without `has_labels`, classes are not looked for.
///
/// # Errors
/// The path is missing, or nothing in it can be used as it is, with what to do.
pub(crate) fn detect(path: &Path, has_labels: bool) -> Result<DetectedSource> {
    if path.is_file() {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if is_csv {
            return table::detect(path, None, has_labels).map(|found| found.source);
        }
        let help = "pass the directory of your images, or a CSV, tar or Parquet file";
        let other = || refused(path, "this file is neither a CSV file nor a tar or Parquet file", help);
        return shards::detect(path, has_labels)?.ok_or_else(other);
    }
    if !path.is_dir() {
        let help = "pass the directory of your images, or a CSV file that lists them";
        return Err(refused(path, "the directory does not exist", help));
    }
    if own_output::is_inside(path) {
        return Err(own_results(path));
    }
    match published_data_set(path) {
        Some(_) if !has_labels => {
            let help = "leave out --unlabeled: pretraining uses no labels, and evaluations need them";
            Err(refused(path, "this data set has labels", help))
        }
        Some(found) => Ok(found),
        None => directories::detect(path, has_labels),
    }
}

/// Recognizes the binary files of CIFAR-10 and STL-10, in the directory or in the one that their archive unpacks to.
fn published_data_set(path: &Path) -> Option<DetectedSource> {
    let inside = |name: &str, files: [&str; 2]| {
        let mut places = [path.to_owned(), path.join(name)].into_iter();
        places.find(|place| files.iter().any(|file| place.join(file).is_file()))
    };
    if let Some(place) = inside("cifar-10-batches-bin", ["data_batch_1.bin", "test_batch.bin"]) {
        return Some(DetectedSource::new("cifar10", "CIFAR-10").path("path", place));
    }
    let place = inside("stl10_binary", ["train_X.bin", "unlabeled_X.bin"])?;
    let (labeled, unlabeled) = (place.join("train_X.bin").is_file(), place.join("unlabeled_X.bin").is_file());
    let found = DetectedSource::new("stl10", "STL-10").path("path", place);
    Some(match (labeled, unlabeled) {
        (true, true) => found.value("split", "train+unlabeled"),
        (false, _) => found.value("split", "unlabeled"),
        (true, false) => found,
    })
}

fn own_results(path: &Path) -> Error {
    refused(path, "this directory has only results of simclr", "pass the directory of your images")
}

/// Returns the error of a path that cannot be used.
fn refused(path: &Path, what: impl Into<String>, help: impl Into<String>) -> Error {
    Error::usage(what).at(visible(&path.display().to_string()).into_owned()).help(help)
}
