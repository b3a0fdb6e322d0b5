//! Facts about the data of a pipeline, known before anything is computed.

use crate::base::{Error, Result};
use crate::dataset::{ClassCount, DatasetConfig, Fingerprint};
use std::collections::BTreeMap;

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
    /// Returns the data set with this name.
    ///
    /// # Errors
    /// It does not exist, which is a bug: names are checked when the file is read.
    pub fn of(&self, name: &str) -> Result<&DataFacts> {
        self.0.get(name).ok_or_else(|| Error::bug(format!("no data set '{name}' in a checked file")))
    }
}

impl DataFacts {
    /// Returns the number of training images.
    pub fn train(&self) -> usize {
        self.total(|class| class.train)
    }

    /// Returns the number of validation images.
    pub fn validation(&self) -> usize {
        self.total(|class| class.validation)
    }

    /// Returns the number of test images.
    pub fn test(&self) -> usize {
        self.total(|class| class.test)
    }

    /// Returns the number of images.
    pub fn all(&self) -> usize {
        self.train() + self.validation() + self.test()
    }

    /// Returns the sum of a count over the classes.
    pub fn total(&self, count: impl Fn(&ClassCount) -> usize) -> usize {
        self.classes.iter().map(count).sum()
    }
}

/// Returns the number of labeled images among `train`; half an image rounds up.
pub(crate) fn labeled_count(fraction: f64, train: usize) -> usize {
    (fraction * train as f64).round() as usize
}
