//! One directory per class, with images in it or in its subdirectories.

use super::directories::{Directories, DirectoryListing};
use super::entries::{entries, root_entries};
use super::problem::{SourceProblem, default_test_fraction};
use super::{Listing, Source};
use crate::base::{Error, Result, files};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// One directory per class.
///
/// Images may be in subdirectories of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageFolder {
    /// Directory with a directory of training images per class.
    #[schemars(extend("format" = "path"))]
    pub train: PathBuf,
    /// Directory with a directory of test images per class; without it, `test_fraction` of the training images is held
    /// out.
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Fraction of the images held out for testing if there is no test directory, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

impl ImageFolder {
    fn directories(&self) -> Directories<'_> {
        Directories { train: &self.train, test: self.test.as_deref(), test_fraction: self.test_fraction }
    }
}

impl Source for ImageFolder {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        self.directories().check(is_written)
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let listing = self.directories().list(list)?;
        check_names(&listing.labels.classes).map_err(|error| error.at(self.place()))?;
        Ok(listing)
    }

    fn content(&self, _: usize) -> Value {
        self.directories().content()
    }

    fn place(&self) -> String {
        self.train.display().to_string()
    }

    fn describe(&self) -> String {
        "one directory per class".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some("`image_folder` expects one directory per class; `prefixed` takes the class from the file name")
    }
}

/// Lists a directory of class directories.
///
/// # Errors
/// A directory cannot be read, links form a cycle, or there are images next to the class directories.
fn list(root: &Path) -> Result<DirectoryListing> {
    let mut found = DirectoryListing::default();
    let mut loose = 0;
    for entry in root_entries(root, &mut found.passed_over)? {
        if entry.is_directory {
            let mut above = vec![canonical(root)?];
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
                "move each into the directory of its class, or use `prefixed` if file names begin with the class and \
                 `_`",
            ));
    }
    Ok(found)
}

/// Adds the images of a directory and its subdirectories; `above` is the stack of parent directories. A directory that
/// cannot be read counts as a broken file.
fn walk(
    directory: &Path,
    class: &str,
    name: &str,
    above: &mut Vec<PathBuf>,
    found: &mut DirectoryListing,
) -> Result<()> {
    let here = canonical(directory)?;
    if above.contains(&here) {
        return Err(Error::stage("links between directories form a cycle")
            .at(directory.display().to_string())
            .help("remove the link to a parent directory"));
    }
    let entries = match entries(directory, &mut found.passed_over) {
        Ok(entries) => entries,
        Err(error) if files::is_permanent(&error) => {
            found.images.push((class.to_owned(), name.to_owned(), directory.to_owned()));
            return Ok(());
        }
        Err(error) => return Err(Error::io("read the directory", directory, &error)),
    };
    above.push(here);
    for entry in entries {
        let name = format!("{name}/{}", entry.name);
        if entry.is_directory {
            walk(&entry.path, class, &name, above, found)?;
        } else {
            found.images.push((class.to_owned(), name, entry.path));
        }
    }
    above.pop();
    Ok(())
}

fn canonical(directory: &Path) -> Result<PathBuf> {
    directory.canonicalize().map_err(|error| Error::io("read the directory", directory, &error))
}

/// Names of the directories of a data set's subsets.
const SUBSETS: [&str; 6] = ["train", "training", "test", "val", "valid", "validation"];

/// Checks that the class directories are not the subsets of a data set, one level above the classes.
///
/// # Errors
/// There are several, all of them named like subsets.
fn check_names(classes: &[String]) -> Result<()> {
    if classes.len() < 2 || classes.iter().any(|class| !SUBSETS.contains(&class.to_lowercase().as_str())) {
        return Ok(());
    }
    let names = classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(" and ");
    Err(Error::stage(format!("the only classes are {names}, which are names of subsets of a data set")).help(
        "give the directories that contain the class directories: `train = \"DIRECTORY/train\", \
               test = \"DIRECTORY/test\"`",
    ))
}
