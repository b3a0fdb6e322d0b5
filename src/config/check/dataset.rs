//! Checks of `[dataset]`.

use super::Checker;
use crate::config::node::PathStep;
use crate::config::pipeline::{LinearEval, LinearTraining, SelectOn, Supervised};
use crate::dataset::config::TrainTestConfig;
use crate::dataset::{DatasetConfig, SourceConfig};
use std::path::{Path, PathBuf};

/// Maximum number of synthetic images, which are kept in memory.
const MAX_SYNTHETIC: usize = 1_000_000;

/// Maximum shorter side of stored images in pixels.
const MAX_STORED_SIZE: usize = 4096;

impl Checker<'_> {
    /// Reads the section and resolves its paths against the directory of the file.
    pub(super) fn dataset(&mut self, directory: &Path) -> Option<DatasetConfig> {
        let mut dataset: DatasetConfig = self.read(&["dataset"])?;
        self.stored_size(&dataset);
        match &mut dataset.source {
            SourceConfig::ImageFolder(directories) => self.directories("image_folder", directories, directory),
            SourceConfig::Prefixed(directories) => self.directories("prefixed", directories, directory),
            SourceConfig::Cifar10(files) => self.absolute(&["cifar10", "path"], &mut files.path, directory),
            SourceConfig::Stl10(files) => self.absolute(&["stl10", "path"], &mut files.path, directory),
            SourceConfig::Shapes(shapes) => self.synthetic("shapes", shapes.classes, [shapes.train, shapes.test]),
            SourceConfig::Signs(signs) => self.synthetic("signs", signs.classes, [signs.train, signs.test]),
        }
        Some(dataset)
    }

    fn stored_size(&mut self, dataset: &DatasetConfig) {
        let Some(side) = dataset.stored_size else { return };
        if !(dataset.image_size..=MAX_STORED_SIZE).contains(&side) {
            let range = format!("between `image_size` ({}) and {MAX_STORED_SIZE}", dataset.image_size);
            self.report(&in_dataset(&["stored_size"]), format!("`stored_size` must be {range}, got {side}"), None);
        }
    }

    fn directories(&mut self, kind: &str, directories: &mut TrainTestConfig, directory: &Path) {
        let fraction = in_dataset(&["source", kind, "test_fraction"]);
        if directories.test.is_some() && self.is_written(&fraction) {
            let help = "remove one of the two".to_owned();
            self.report(&fraction, "`test_fraction` cannot be combined with a `test` directory", help);
        } else if directories.test.is_none() && directories.test_fraction >= 1.0 {
            self.report(&fraction, "`test_fraction` must be below 1: otherwise no training images are left", None);
        }
        self.absolute(&[kind, "train"], &mut directories.train, directory);
        if let Some(test) = &mut directories.test {
            self.absolute(&[kind, "test"], test, directory);
        }
    }

    fn absolute(&mut self, keys: &[&str], path: &mut PathBuf, directory: &Path) {
        if path.as_os_str().is_empty() {
            self.report(&in_dataset(&[&["source"], keys].concat()), "the path is empty", None);
        }
        *path = directory.join(&path);
    }

    fn synthetic(&mut self, kind: &str, classes: usize, [train, test]: [usize; 2]) {
        for (key, count) in [("train", train), ("test", test)] {
            let path = in_dataset(&["source", kind, key]);
            if count < classes {
                let message = format!("`{key}` must be at least the number of classes ({classes}), got {count}");
                self.report(&path, message, None);
            } else if count > MAX_SYNTHETIC {
                self.report(&path, format!("`{key}` must be at most {MAX_SYNTHETIC}, got {count}"), None);
            }
        }
    }

    /// Returns the first stage that selects its weights on the validation split.
    pub(super) fn first_selecting_on_validation(
        &self,
        linear: &[LinearEval],
        supervised: &[Supervised],
    ) -> Option<String> {
        // The exact solution does not need a validation split.
        let by_epochs = |stage: &&LinearEval| matches!(stage.training, LinearTraining::Epochs { .. });
        let on_validation = |select_on: Option<SelectOn>| select_on == Some(SelectOn::Validation);
        let linear = linear.iter().filter(by_epochs).filter(|stage| on_validation(stage.training.selects_on()));
        let supervised = supervised.iter().filter(|stage| on_validation(stage.training.selects_on()));
        linear
            .map(|stage| format!("linear_eval.{}", stage.name))
            .chain(supervised.map(|stage| format!("supervised.{}", stage.name)))
            .next()
    }

    /// Checks that early stopping has validation images to select on.
    pub(super) fn validation_split(&mut self, dataset: Option<&DatasetConfig>, stage: Option<String>) {
        let (Some(dataset), Some(stage)) = (dataset, stage) else { return };
        if dataset.validation_fraction == 0.0 {
            let message = format!("without validation images `[{stage}]` cannot select its best weights");
            let help = "set `validation_fraction` above 0, or `select_on = \"test\"` in the stage".to_owned();
            self.report(&in_dataset(&["validation_fraction"]), message, help);
        }
    }
}

fn in_dataset(keys: &[&str]) -> Vec<PathStep> {
    std::iter::once(&"dataset").chain(keys).map(|key| PathStep::from(*key)).collect()
}
