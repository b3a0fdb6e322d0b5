//! Recognizes which source a path is: what `simclr init` writes into a new pipeline file.

mod directories;
mod file_names;
mod table;

use super::SourceConfig;
use crate::base::text::visible;
use crate::base::{Error, Result};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// A value of a recognized source's table.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceValue {
    /// Path of a file or directory.
    Path(PathBuf),
    /// Any other text.
    Text(String),
    /// Yes or no.
    Flag(bool),
}

/// A recognized source, as it stands in a pipeline file.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectedSource {
    /// Key of the source, such as `image_folder`.
    pub key: &'static str,
    /// The keys of its table, with their values.
    pub values: Vec<(&'static str, SourceValue)>,
    /// What was recognized, as a phrase.
    pub what: String,
    /// Names of what is passed over.
    pub passed_over: Vec<String>,
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

    fn text(mut self, key: &'static str, text: impl Into<String>) -> Self {
        self.values.push((key, SourceValue::Text(text.into())));
        self
    }

    fn unlabeled(mut self) -> Self {
        self.values.push(("labels", SourceValue::Flag(false)));
        self
    }

    /// Returns the source's configuration.
    ///
    /// # Errors
    /// A path is not UTF-8.
    pub fn config(&self) -> Result<SourceConfig> {
        let mut table = Map::new();
        for (key, value) in &self.values {
            let value = match value {
                SourceValue::Path(path) => json!(utf8(path)?),
                SourceValue::Text(text) => json!(text),
                SourceValue::Flag(flag) => json!(flag),
            };
            table.insert((*key).to_owned(), value);
        }
        let source = json!({ self.key: Value::Object(table) });
        serde_json::from_value(source).map_err(|error| Error::bug(format!("a recognized source is invalid: {error}")))
    }
}

/// Returns a path as text.
///
/// # Errors
/// It is not UTF-8.
pub fn utf8(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| {
        let error = Error::usage("the path is not UTF-8, so a pipeline file cannot contain it");
        error.at(path.display().to_string()).help("rename it")
    })
}

/// Recognizes the source at a path: a CSV file, or a directory with images in one of the usual layouts, a CSV file, or
/// the files of CIFAR-10 or STL-10.
///
/// # Errors
/// The path is missing, or nothing in it can be used as it is, with what to do.
pub fn detect(path: &Path) -> Result<DetectedSource> {
    if path.is_file() {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let other = || refused(path, "this file is not a CSV file", "pass a CSV file, or the directory of your images");
        return if is_csv { table::detect(path, None) } else { Err(other()) };
    }
    if !path.is_dir() {
        let help = "pass the directory of your images, or a CSV file that lists them";
        return Err(refused(path, "the directory does not exist", help));
    }
    if is_inside_own_output(path) {
        let help = "pass the directory of your images; results of earlier runs are in this one";
        return Err(refused(path, "this is an output directory of simclr", help));
    }
    match published_data_set(path) {
        Some(found) => Ok(found),
        None => directories::detect(path),
    }
}

fn is_inside_own_output(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let is_part = |directory: &Path| {
        let name = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        (name == "runs" || name.starts_with("store-v")) && crate::base::own_output::is_own_output(directory)
    };
    path.ancestors().any(is_part)
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
        (true, true) => found.text("split", "train+unlabeled"),
        (false, _) => found.text("split", "unlabeled"),
        (true, false) => found,
    })
}

/// Returns the error of a path that cannot be used.
fn refused(path: &Path, what: impl Into<String>, help: impl Into<String>) -> Error {
    Error::usage(what).at(visible(&path.display().to_string()).into_owned()).help(help)
}
