//! Data sources. A source is a module here, whose type is its table in the pipeline file, and one line in the list
//! below.

#[macro_use]
mod declare;
mod container;
pub(crate) mod detect;
mod directories;
mod entries;
mod found_images;
mod image_file;
mod layout;
mod listing;
mod normal_form;
mod parquet_file;
mod parquet_footer;
mod parquet_zstd;
mod pattern;
mod problem;
mod records;
mod row_groups;
mod samples;
mod shard_index;
mod shards;
mod synthetic;
mod tar_index;

use crate::base::Result;
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::part::Part;
use crate::dataset::store::StoreForm;
pub use cifar100::Cifar100Labels;
pub use filename_prefix::SeparatorAt;
pub(crate) use image_file::{ReadError, ReadReport};
pub(in crate::dataset) use image_file::{decode_bytes, read_range};
pub(crate) use listing::{ImageFiles, Listing, MAX_NAMED, check_classes, check_sizes, fraction_of};
pub use pattern::Pattern;
pub use problem::SourceProblem;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;
pub use stl10::Stl10Split;

// `cargo fmt` does not find modules that a macro declares: run `rustfmt` on a new file.
sources! {
    #[schemars(extend("x-formerly" = ["folder"]))] image_folder::ImageFolder,
    #[schemars(extend("x-formerly" = ["prefixed"]))] filename_prefix::FilenamePrefix,
    cifar10::Cifar10,
    cifar100::Cifar100,
    stl10::Stl10,
    shapes::Shapes,
    signs::Signs,
    csv::Csv,
    webdataset::Webdataset,
    parquet::Parquet,
}

/// A source of images, with their classes and which of them are for testing.
///
/// Implemented by the type of its table in the pipeline file. Fields that are paths are marked
/// `#[schemars(extend("format" = "path"))]`: they are absolute when they arrive here.
pub(crate) trait Source {
    /// Returns what is wrong with keys that are right by themselves. `is_written` returns whether a key of the table is
    /// written in the file.
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem>;

    /// Lists the images without reading them; `image_size` is the side in pixels of synthetic ones.
    ///
    /// # Errors
    /// A directory or file is missing, unreadable or invalid.
    fn list(&self, image_size: usize) -> Result<Listing>;

    /// Same as [`Source::list`]; what is learned of large files is kept in a directory for the next time.
    ///
    /// # Errors
    /// Those of [`Source::list`], or the directory cannot be written.
    fn list_with(&self, image_size: usize, _kept: &Path) -> Result<Listing> {
        self.list(image_size)
    }

    /// Returns what determines the images, labels and test images apart from the files and the names of the classes;
    /// `held_out` is the fraction of the training images that was held out for testing, if any. It is part of the
    /// artifact's key.
    fn content(&self, image_size: usize, held_out: Option<f64>) -> Value;

    /// Returns what determines the pixels of the images of a part, apart from the files: nothing about other parts, names
    /// or labels.
    fn pixels(&self, _image_size: usize, _part: Part) -> Value {
        Value::Null
    }

    /// Returns the most compact form in which the images can be kept.
    fn most_compact(&self) -> StoreForm {
        StoreForm::Decoded
    }

    /// Returns the place of errors about the source as a whole: a path, or its name if it has none.
    fn place(&self) -> String;

    /// Returns a description for the report, as a phrase.
    fn describe(&self) -> String;

    /// Returns how the class of an image is given, as a clause, to help a user whose images all have the same one.
    fn class_rule(&self) -> Option<&'static str> {
        None
    }

    /// Returns reasons why results on these images can mislead, as sentences.
    fn notes(&self, _classes: &[ClassSize]) -> Vec<String> {
        Vec::new()
    }
}

impl SourceConfig {
    /// Returns what is wrong with keys that are right by themselves. `is_written` returns whether a key of the source's
    /// table is written in the file.
    pub fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        self.source().check(is_written)
    }

    /// Returns a description for the report, as a phrase.
    pub(crate) fn describe(&self) -> String {
        self.source().describe()
    }
}

/// Returns the first paragraph of a type's documentation.
fn summary<T: JsonSchema>() -> String {
    let schema = T::json_schema(&mut SchemaGenerator::default());
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    description.split("\n\n").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_are_those_of_the_file_and_have_a_description() {
        let schema = schemars::schema_for!(SourceConfig);
        for variant in schema.get("oneOf").and_then(Value::as_array).unwrap() {
            assert!(variant["description"].as_str().unwrap().ends_with('.'), "{variant}");
        }
        let source: SourceConfig = serde_json::from_value(json!({ "image_folder": { "train": "a" } })).unwrap();
        assert_eq!(source.key(), "image_folder");
        assert_eq!(
            serde_json::to_value(source).unwrap(),
            json!({ "image_folder": { "train": "a", "test": null, "test_fraction": 0.2 } })
        );
    }
}
