//! Parquet files with encoded images and their labels in columns, as Hugging Face `datasets` writes them.

use super::container::{self, ClassNames, IndexedImages, file_name, invalid};
use super::parquet_file::ParquetFile;
use super::problem::{SourceProblem, default_labels, default_test_fraction};
use super::row_groups::{RowGroupReader, RowPlace};
use super::shards::Shards;
use super::{Listing, Source};
use crate::base::Result;
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::dataset::store::StoreForm;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Parquet files with images and their labels, as Hugging Face `datasets` writes them.
///
/// A row has an image, as an encoded file such as JPEG, and its label. Row groups are decoded when they are needed, and
/// the memory that they take is that of three of them: files should be written with row groups of about 100 images. The
/// compressions zstd, snappy, gzip and none are supported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parquet {
    /// Parquet files of the training images: a file, a directory with files that end in `.parquet`, or a pattern such as
    /// `"train-*.parquet"` or `"train-{00000..00041}-of-00042.parquet"`.
    #[schemars(extend("format" = "path"))]
    pub train: PathBuf,
    /// Parquet files of validation images, which are used instead of `validation_fraction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub validation: Option<PathBuf>,
    /// Parquet files of the test images; without them, `test_fraction` of the training images is held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Parquet files of images without labels that pretraining uses in addition to the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub unlabeled: Option<PathBuf>,
    /// Column with the images: binary data, or structs whose `bytes` is binary data.
    #[serde(default = "default_image")]
    pub image: String,
    /// Column with the labels: integers or texts.
    #[serde(default = "default_label")]
    pub label: String,
    /// Whether the images have labels; with `false`, all images of `train` are for training.
    #[serde(default = "default_labels", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub labels: bool,
    /// File with the name of each class in a line of its own, if labels are the numbers of classes, from 0. Default: the
    /// names in the metadata of the Parquet files, if they have any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub class_names: Option<PathBuf>,
    /// Fraction of the images held out for testing if there are no test files, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

fn default_image() -> String {
    "image".to_owned()
}

fn default_label() -> String {
    "label".to_owned()
}

/// Row group and name of the class of each image of a file.
type Rows = Vec<(RowPlace, Option<String>)>;

impl Parquet {
    fn shards(&self) -> Shards<'_> {
        Shards {
            train: &self.train,
            validation: self.validation.as_deref(),
            test: self.test.as_deref(),
            unlabeled: self.unlabeled.as_deref(),
            extension: "parquet",
            labels: self.labels,
            class_names: self.class_names.as_deref(),
            test_fraction: self.test_fraction,
        }
    }

    /// Returns the rows of the file with a number.
    ///
    /// # Errors
    /// It is damaged or lacks a column, or rows have no label or one that is not valid.
    fn rows(&self, file: usize, path: &Path, has_labels: bool, class_names: Option<&ClassNames>) -> Result<Rows> {
        let opened = ParquetFile::open(path, &self.image)?;
        let places = opened.rows().into_iter().enumerate();
        let places = places.flat_map(|(group, rows)| (0..rows).map(move |row| RowPlace { file, group, row }));
        if !has_labels {
            return Ok(places.map(|place| (place, None)).collect());
        }
        let declared;
        let class_names = if let Some(names) = class_names {
            names
        } else {
            declared = ClassNames::new(opened.class_names(&self.label)?);
            &declared
        };
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for (row, (place, label)) in places.zip(opened.labels(&self.label)?).enumerate() {
            let label = label.ok_or_else(|| "there is no label".to_owned());
            match label.and_then(|label| class_names.class(&label)) {
                Ok(class) => rows.push((place, Some(class))),
                Err(problem) => problems.push((format!("row {row}"), problem)),
            }
        }
        let help =
            "every row needs a label: correct the file, or set `labels = false` to use the images without labels";
        if problems.is_empty() { Ok(rows) } else { Err(invalid(path, &problems, help)) }
    }
}

impl Source for Parquet {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let mut problems = self.shards().check(is_written);
        if self.labels && self.image == self.label {
            problems.push(SourceProblem::new("label", "`label` is the same column as `image`"));
        }
        problems
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let shards = self.shards();
        let (files, class_names) = (shards.files()?, shards.class_names()?);
        let rows = files
            .par_iter()
            .enumerate()
            .map(|(number, (path, part))| self.rows(number, path, shards.has_labels(*part), class_names.as_ref()));
        let (mut images, mut places) = (IndexedImages::default(), Vec::new());
        for ((path, part), rows) in files.iter().zip(rows.collect::<Result<Vec<_>>>()?) {
            let file = file_name(path);
            for (row, (place, label)) in rows.into_iter().enumerate() {
                places.push(place);
                images.push(&format!("{file}[{row}]"), *part, label.as_deref());
            }
        }
        let reader = Box::new(RowGroupReader::new(files, self.image.clone(), places));
        Ok(container::listing(images, reader, PassedOver::default(), &shards))
    }

    fn content(&self, _: usize, held_out: Option<f64>) -> Value {
        json!({ "image": self.image, "test_fraction": held_out })
    }

    fn pixels(&self, _: usize, _: Part) -> Value {
        json!({ "image": self.image })
    }

    fn most_compact(&self) -> StoreForm {
        StoreForm::Encoded
    }

    fn place(&self) -> String {
        self.train.display().to_string()
    }

    fn describe(&self) -> String {
        "images in Parquet files".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some("`parquet` takes the class from the column that `label` names")
    }
}
