//! Image files in a training and a test directory.

use super::listing::{Images, Labels, Listing, TestImages};
use super::problem::{SourceProblem, check_path, check_test_fraction};
use crate::base::Result;
use crate::dataset::passed_over::PassedOver;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The training and test images of a source that has a directory for each.
pub(super) struct Directories<'a> {
    /// Directory of the training images.
    pub(super) train: &'a Path,
    /// Directory of the test images.
    pub(super) test: Option<&'a Path>,
    /// Fraction of each class held out for testing if there is no test directory.
    pub(super) test_fraction: f64,
}

impl Directories<'_> {
    /// Reports empty paths and a fraction that has no effect or leaves nothing.
    pub(super) fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let test = self.test.map(|_| "a `test` directory");
        let fraction = check_test_fraction(self.test_fraction, test, is_written);
        let paths = [check_path("train", self.train), self.test.and_then(|test| check_path("test", test))];
        fraction.into_iter().chain(paths.into_iter().flatten()).collect()
    }

    /// Lists both directories; `list` lists one of them.
    ///
    /// # Errors
    /// Those of `list`.
    pub(super) fn list(&self, list: fn(&Path) -> Result<DirectoryListing>) -> Result<Listing> {
        let train = list(self.train)?;
        let test = self.test.map(list).transpose()?;
        let test_images = match &test {
            Some(test) => {
                let flags = [(false, &train), (true, test)];
                let flags = flags.iter().flat_map(|(is_test, found)| std::iter::repeat_n(*is_test, found.images.len()));
                TestImages::Given(flags.collect())
            }
            None => TestImages::HeldOut(self.test_fraction),
        };
        let (mut classes, mut names, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        let (mut passed_over, mut all_classes) = (PassedOver::default(), Vec::new());
        for found in [Some(train), test].into_iter().flatten() {
            for (class, name, path) in found.images {
                classes.push(class);
                names.push(name);
                paths.push(path);
            }
            passed_over.extend(found.passed_over);
            all_classes.extend(found.classes);
        }
        let labels = Labels::of_names(&classes, all_classes);
        Ok(Listing { images: Images::of_files(names, paths, passed_over), labels, test: test_images })
    }

    /// Returns what determines the test images apart from the files.
    pub(super) fn content(&self) -> Value {
        json!({ "test_fraction": self.test.is_none().then_some(self.test_fraction) })
    }
}

/// The content of a training or test directory.
#[derive(Default)]
pub(super) struct DirectoryListing {
    /// Class names, including classes without images.
    pub(super) classes: Vec<String>,
    /// (class, name inside the directory, path) of every image.
    pub(super) images: Vec<(String, String, PathBuf)>,
    /// What is not used.
    pub(super) passed_over: PassedOver,
}
