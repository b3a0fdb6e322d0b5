//! The numbers of the data sets as CSV files.

use crate::base::Result;
use crate::dataset::ClassCount;
use crate::render::csv_table::CsvTable;
use crate::render::data::{DatasetFacts, DuplicateImage, Report};

/// Returns the number of images of each class.
pub(crate) fn classes(report: &Report) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["dataset", "class", "train", "validation", "test"])?;
    for set in &report.datasets {
        for ClassCount { name, train, validation, test } in &set.classes {
            let counts = [train, validation, test].map(ToString::to_string);
            table.add(&[[set.name.clone(), name.clone()].as_slice(), &counts].concat())?;
        }
    }
    table.bytes()
}

/// Returns the images that show the same as another one.
pub(crate) fn duplicates(report: &Report) -> Result<Vec<u8>> {
    let columns = ["dataset", "image", "class", "part", "other", "other_class", "other_part", "is_exact"];
    let mut table = CsvTable::new(&columns)?;
    for set in &report.datasets {
        for row in &set.duplicates {
            let DuplicateImage { image, class, part, other, other_class, other_part, is_exact } = row;
            let is_exact = is_exact.to_string();
            let cells = [&set.name, image, class, part.name(), other, other_class, other_part.name(), &is_exact];
            table.add(&cells.map(str::to_owned))?;
        }
    }
    table.bytes()
}

/// Returns files and what is wrong with them.
pub(crate) fn files(report: &Report, files: fn(&DatasetFacts) -> &[(String, String)]) -> Result<Vec<u8>> {
    let mut table = CsvTable::new(&["dataset", "file", "reason"])?;
    for set in &report.datasets {
        for (file, reason) in files(set) {
            table.add(&[set.name.clone(), file.clone(), reason.clone()])?;
        }
    }
    table.bytes()
}
