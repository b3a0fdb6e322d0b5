//! A single directory of images whose names begin with their class: `cat_0012.jpg`.

use super::directories::{Directories, DirectoryListing};
use super::entries::root_entries;
use super::problem::{SourceProblem, default_test_fraction};
use super::{Listing, MAX_NAMED, Source};
use crate::base::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The class is the file name before the first `_`.
///
/// Subdirectories are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prefixed {
    /// Directory of the training images.
    #[schemars(extend("format" = "path"))]
    pub train: PathBuf,
    /// Directory of the test images; without it, `test_fraction` of the training images is held out.
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Fraction of the images held out for testing if there is no test directory, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

impl Prefixed {
    fn directories(&self) -> Directories<'_> {
        Directories { train: &self.train, test: self.test.as_deref(), test_fraction: self.test_fraction }
    }
}

impl Source for Prefixed {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        self.directories().check(is_written)
    }

    fn list(&self, _: usize) -> Result<Listing> {
        self.directories().list(list)
    }

    fn content(&self, _: usize) -> Value {
        self.directories().content()
    }

    fn place(&self) -> String {
        self.train.display().to_string()
    }

    fn describe(&self) -> String {
        "images with the class in the file name".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some(
            "`prefixed` takes the class from the file name before the first `_`; `image_folder` expects one directory \
             per class",
        )
    }
}

/// Lists a directory of images named by class; subdirectories are ignored.
///
/// # Errors
/// The directory cannot be read, or an image's name has no class.
fn list(root: &Path) -> Result<DirectoryListing> {
    let mut found = DirectoryListing::default();
    let mut without_class = Vec::new();
    let mut directories = 0;
    for entry in root_entries(root, &mut found.passed_over)? {
        if entry.is_directory {
            found.passed_over.add("subdirectory", &entry.name);
            directories += 1;
            continue;
        }
        match entry.name.split_once('_') {
            Some((class, _)) if !class.is_empty() => {
                found.images.push((class.to_owned(), entry.name.clone(), entry.path));
            }
            _ => without_class.push(entry.name),
        }
    }
    if !without_class.is_empty() {
        let named = without_class.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::stage(format!("{} images have no class in their name: {named}", without_class.len()))
            .at(root.display().to_string())
            .help("the class is the file name before the first `_`, as in cat_0012.jpg"));
    }
    if found.images.is_empty() && directories > 0 {
        return Err(Error::stage("there are no images, only directories")
            .at(root.display().to_string())
            .help("for one directory per class, use `image_folder` instead of `prefixed`"));
    }
    found.classes = found.images.iter().map(|(class, ..)| class.clone()).collect();
    Ok(found)
}
