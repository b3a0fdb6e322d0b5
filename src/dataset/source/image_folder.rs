//! One directory per class, with images in it or in its subdirectories; or images without labels.

use super::directories::{Directories, DirectoryListing, canonical, walk};
use super::entries::Root;
use super::layout::is_split_name;
use super::pattern::Pattern;
use super::problem::{SourceProblem, default_labels, default_test_fraction};
use super::{Listing, Source};
use crate::base::{Error, Result};
use crate::dataset::store::StoreForm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// One directory per class, or images without labels.
///
/// Images may be in subdirectories of it. A directory that has images and no directories is a data set without labels:
/// it can be used for pretraining, embeddings and diagnostics, but not for evaluations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// Directory with a directory of training images per class. If it has instead the directories `train` and `test`,
    /// and perhaps `val` and `unlabeled`, these are used, and others are not; without `test`, `val` is the test set.
    #[schemars(extend("format" = "path", "x-formerly" = ["path"]))]
    pub train: PathBuf,
    /// Directory with a directory of validation images per class, which are used instead of `validation_fraction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub validation: Option<PathBuf>,
    /// Directory with a directory of test images per class; without it, `test_fraction` of the training images is held
    /// out.
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Directory of images without labels, at any depth, that pretraining uses in addition to the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub unlabeled: Option<PathBuf>,
    /// Whether the directories inside `train` are classes; with `false`, its images have no labels and may be at any
    /// depth, and all of them are for training.
    #[serde(default = "default_labels", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub labels: bool,
    /// Regular expression with a group named `group`, such as `"(?<group>patient\\d+)"`, that is searched in the name of
    /// each image, with its directories. No group has images on both sides of a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_pattern: Option<Pattern>,
    /// Fraction of the images held out for testing if there is no test directory, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

impl ImageFolder {
    fn directories(&self) -> Directories<'_> {
        Directories {
            train: &self.train,
            validation: self.validation.as_deref(),
            test: self.test.as_deref(),
            unlabeled: self.unlabeled.as_deref(),
            group_pattern: self.group_pattern.as_ref(),
            test_fraction: self.test_fraction,
        }
    }
}

impl Source for ImageFolder {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let mut problems = self.directories().check(is_written);
        if !self.labels && self.test.is_none() && is_written("test_fraction") {
            let other = "`labels = false`: nothing is tested without labels";
            problems.push(SourceProblem::exclusive("test_fraction", other));
        }
        problems
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let (layout, training) = self.directories().layout()?;
        let has_labels = self.labels && !is_flat(&training);
        let listing = self.directories().list((layout, training), has_labels, &list)?;
        check_names(&listing.labels.classes).map_err(|error| error.at(self.place()))?;
        Ok(listing)
    }

    fn content(&self, _: usize, held_out: Option<f64>) -> Value {
        json!({ "test_fraction": held_out })
    }

    fn most_compact(&self) -> StoreForm {
        StoreForm::None
    }

    fn place(&self) -> String {
        self.train.display().to_string()
    }

    fn describe(&self) -> String {
        "one directory per class".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some("`image_folder` expects one directory per class; `filename_prefix` takes the class from the file name")
    }
}

/// Lists a directory of class directories.
///
/// # Errors
/// A directory cannot be read, links form a cycle, or there are images next to the class directories.
fn list(Root { path: root, entries, passed_over }: Root) -> Result<DirectoryListing> {
    let mut found = DirectoryListing { passed_over, ..DirectoryListing::default() };
    let mut loose = 0;
    for entry in entries {
        if entry.is_directory {
            let mut above = vec![canonical(&root)?];
            walk(&entry.path, &entry.name, &entry.name, &mut above, &mut found)?;
            found.classes.push(entry.name);
        } else {
            loose += 1;
        }
    }
    if loose > 0 {
        return Err(Error::stage(format!("{loose} images are next to the class directories instead of inside them"))
            .at(root.display().to_string())
            .help(
                "move each into the directory of its class, use `filename_prefix` if file names begin with the class, or \
                 set `labels = false` if the images have no labels",
            ));
    }
    Ok(found)
}

/// Returns whether a directory has images and no directories.
fn is_flat(root: &Root) -> bool {
    !root.entries.is_empty() && root.entries.iter().all(|entry| !entry.is_directory)
}

/// Checks that the class directories are not the subsets of a data set, one level above the classes.
///
/// # Errors
/// There are several, all of them named like subsets.
fn check_names(classes: &[String]) -> Result<()> {
    if classes.len() < 2 || classes.iter().any(|class| !is_split_name(class)) {
        return Ok(());
    }
    let names = classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(" and ");
    Err(Error::stage(format!("the only classes are {names}, which are names of subsets of a data set")).help(
        "give the directories that contain the class directories: `train = \"DIRECTORY/train\", \
               test = \"DIRECTORY/test\"`",
    ))
}
