//! What is known of the data of a pipeline before anything is computed.

use crate::base::{Error, Result};
use crate::dataset::{DatasetConfig, Fingerprint};
use std::collections::BTreeMap;

/// Images of a class by part of the split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub validation: usize,
    /// Test images.
    pub test: usize,
}

/// A data set: its configuration, its files, and how many images it has.
#[derive(Clone, Debug)]
pub struct DataFacts {
    /// The table of the file.
    pub config: DatasetConfig,
    /// Digests of its files.
    pub fingerprint: Fingerprint,
    /// Its classes.
    pub classes: Vec<ClassCount>,
}

/// The data sets of a pipeline by name; that of `[dataset]` has the empty name.
#[derive(Clone, Debug, Default)]
pub struct Facts(pub(crate) BTreeMap<String, DataFacts>);

impl Facts {
    /// The data set with this name.
    ///
    /// # Errors
    /// There is none, which is a bug: names are checked when the file is read.
    pub fn of(&self, name: &str) -> Result<&DataFacts> {
        self.0.get(name).ok_or_else(|| Error::bug(format!("no data set '{name}' in a checked file")))
    }
}

impl DataFacts {
    /// Number of training images.
    pub fn train(&self) -> usize {
        self.total(|class| class.train)
    }

    /// Number of validation images.
    pub fn validation(&self) -> usize {
        self.total(|class| class.validation)
    }

    /// Number of test images.
    pub fn test(&self) -> usize {
        self.total(|class| class.test)
    }

    /// Number of images.
    pub fn all(&self) -> usize {
        self.train() + self.validation() + self.test()
    }

    /// Sum of a count over the classes.
    pub fn total(&self, count: impl Fn(&ClassCount) -> usize) -> usize {
        self.classes.iter().map(count).sum()
    }
}

/// Number of labeled images among `train`; half an image rounds up.
pub fn labeled_count(fraction: f64, train: usize) -> usize {
    (fraction * train as f64).round() as usize
}
