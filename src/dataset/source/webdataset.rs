//! Tar files in which members with the same name before their extension are an image and its label (WebDataset).

use super::container::{self, ClassNames, IndexedImages, file_name};
use super::entries::is_image;
use super::listing::{ImageFiles, ImageReader};
use super::problem::{SourceProblem, default_labels, default_test_fraction};
use super::samples::{SampleKeys, is_json};
use super::shard_index::ShardIndex;
use super::shards::Shards;
use super::{Listing, ReadError, ReadReport, Source, image_file};
use crate::base::Result;
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::dataset::store::{FilePlace, StoreForm};
use crate::imaging::Image;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Tar files with images and their labels, as WebDataset writes them.
///
/// Members that differ only in what follows the first period of their name are an image and what belongs to it:
/// `0001.jpg` and `0001.cls`. They are next to each other. Images are read out of the tar files, which must not be
/// compressed, when they are needed; the memory that the files take does not depend on their size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webdataset {
    /// Tar files of the training images: a file, a directory with files that end in `.tar`, or a pattern such as
    /// `"train-{0000..0123}.tar"` or `"train-*.tar"`.
    #[schemars(extend("format" = "path"))]
    pub train: PathBuf,
    /// Tar files of validation images, which are used instead of `validation_fraction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub validation: Option<PathBuf>,
    /// Tar files of the test images; without them, `test_fraction` of the training images is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Tar files of images without labels that pretraining uses in addition to the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub unlabeled: Option<PathBuf>,
    /// Extension of the images. Default: that of the only image of each sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Extension of the labels: text, or JSON if it ends in `json`.
    #[serde(default = "default_label")]
    pub label: String,
    /// Key of the label in a JSON object.
    #[serde(default = "default_label_key")]
    pub label_key: String,
    /// Whether the images have labels; with `false`, all images of `train` are for training.
    #[serde(default = "default_labels", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub labels: bool,
    /// File with the name of each class in a line of its own, if labels are the numbers of classes, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub class_names: Option<PathBuf>,
    /// Fraction of the images held out for testing if there are no test files, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

fn default_label() -> String {
    "cls".to_owned()
}

fn default_label_key() -> String {
    "label".to_owned()
}

impl Webdataset {
    fn shards(&self) -> Shards<'_> {
        Shards {
            train: &self.train,
            validation: self.validation.as_deref(),
            test: self.test.as_deref(),
            unlabeled: self.unlabeled.as_deref(),
            extension: "tar",
            labels: self.labels,
            class_names: self.class_names.as_deref(),
            test_fraction: self.test_fraction,
        }
    }

    /// Lists the samples of all files; their indexes are kept in a directory, if there is one.
    fn list_kept(&self, kept: Option<&Path>) -> Result<Listing> {
        let shards = self.shards();
        let (files, class_names) = (shards.files()?, shards.class_names()?);
        let class_names = class_names.unwrap_or_else(|| ClassNames::new(None));
        let indexed = files.par_iter().map(|(path, part)| {
            let label = shards.has_labels(*part).then_some(self.label.as_str());
            let keys = SampleKeys {
                image: self.image.as_deref(),
                label,
                label_key: &self.label_key,
                class_names: &class_names,
            };
            ShardIndex::of(path, &keys, kept)
        });
        let indexed = indexed.collect::<Result<Vec<_>>>()?;
        let (mut images, mut places, mut passed_over) = (IndexedImages::default(), Vec::new(), PassedOver::default());
        for (number, index) in indexed.into_iter().enumerate() {
            let (path, part) = &files[number];
            let file = file_name(path);
            for (name, label, [offset, length]) in index.samples() {
                places.push(Place { file: number as u32, offset, length });
                images.push(&format!("{file}/{name}"), *part, label);
            }
            passed_over.extend(index.passed_over);
        }
        let reader = Box::new(TarReader { files, places });
        Ok(container::listing(images, reader, passed_over, &shards))
    }
}

impl Source for Webdataset {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let mut problems = self.shards().check(is_written);
        for (key, extension) in [("image", self.image.as_ref()), ("label", Some(&self.label))] {
            if extension.is_some_and(|extension| extension.is_empty() || extension.starts_with('.')) {
                let help = "write what follows the first period of the names, such as `jpg`";
                problems.push(SourceProblem::new(key, format!("`{key}` is not an extension")).help(help));
            }
        }
        if is_image(&format!("x.{}", self.label)) {
            let message = format!("labels with the extension `{}` would be images", self.label);
            problems.push(SourceProblem::new("label", message).help("set it to the extension of the labels"));
        }
        if is_written("label_key") && !is_json(&self.label) {
            let message = "`label_key` requires labels in JSON";
            problems.push(SourceProblem::new("label_key", message).help("set `label = \"json\"`, or remove it"));
        }
        problems
    }

    fn list(&self, _: usize) -> Result<Listing> {
        self.list_kept(None)
    }

    fn list_with(&self, _: usize, kept: &Path) -> Result<Listing> {
        self.list_kept(Some(kept))
    }

    fn content(&self, _: usize, held_out: Option<f64>) -> Value {
        json!({ "image": self.image, "test_fraction": held_out })
    }

    fn pixels(&self, _: usize, _: Part) -> Value {
        json!({ "image": self.image })
    }

    fn most_compact(&self) -> StoreForm {
        StoreForm::None
    }

    fn place(&self) -> String {
        self.train.display().to_string()
    }

    fn describe(&self) -> String {
        "images in tar files (WebDataset)".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some("`webdataset` takes the class from the member that has the extension `label`")
    }
}

/// Where an image is.
struct Place {
    file: u32,
    /// First byte inside the file.
    offset: u64,
    /// Length in bytes.
    length: u64,
}

struct TarReader {
    files: Vec<(PathBuf, Part)>,
    /// Place of each image.
    places: Vec<Place>,
}

impl ImageReader for TarReader {
    fn read(&self, index: usize, _: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        let Place { file, offset, length } = self.places[index];
        image_file::read_range(&self.files[file as usize].0, offset, length, image)
    }

    fn place(&self, index: usize) -> Option<FilePlace<'_>> {
        let Place { file, offset, length } = self.places[index];
        Some(FilePlace { path: Cow::Borrowed(&self.files[file as usize].0), offset, length: Some(length) })
    }

    fn files(&self) -> ImageFiles<'_> {
        ImageFiles::Shared(self.files.iter().map(|(path, part)| (path.as_path(), *part)).collect())
    }
}
