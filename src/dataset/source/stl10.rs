//! STL-10 in its binary format: 96 x 96 pixels in planes stored column by column, labels 1 to 10 in a file of their
//! own. The images without labels (`unlabeled_X.bin`) are not read.

use super::binary::{Layout, Records, class_names, count};
use crate::base::{Error, Result, files};
use std::path::Path;

const LAYOUT: Layout = Layout { side: 96, header: 0, by_column: true };
const CLASSES: usize = 10;
/// Names of the classes where class_names.txt is missing.
const NAMES: [&str; CLASSES] = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"];

/// Opens `train_X.bin`, `train_y.bin`, `test_X.bin` and `test_y.bin`.
///
/// # Errors
/// A file is missing or not as published.
pub(super) fn open(directory: &Path) -> Result<(Vec<String>, Vec<Records>)> {
    let names = class_names(&directory.join("class_names.txt"), CLASSES)?
        .unwrap_or_else(|| NAMES.iter().map(|&name| name.to_owned()).collect());
    for name in ["train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin"] {
        if !directory.join(name).exists() {
            return Err(Error::stage(format!("there is no {name}"))
                .at(directory.display().to_string())
                .help("path names the directory that stl10_binary.tar.gz unpacks to (stl10_binary)"));
        }
    }
    Ok((names, vec![open_part(directory, "train", false)?, open_part(directory, "test", true)?]))
}

fn open_part(directory: &Path, part: &str, is_test: bool) -> Result<Records> {
    let (images, label_file) = (directory.join(format!("{part}_X.bin")), directory.join(format!("{part}_y.bin")));
    let records = count(&images, LAYOUT.record())?;
    let bytes = files::read(&label_file)?;
    let damaged = |what: String| {
        Error::stage(what)
            .at(label_file.display().to_string())
            .help("the file is damaged or of another kind: download or unpack it again")
    };
    if bytes.len() != records {
        return Err(damaged(format!("{} labels for {records} images", bytes.len())));
    }
    if let Some(record) = bytes.iter().position(|label| !(1..=CLASSES).contains(&usize::from(*label))) {
        return Err(damaged(format!("record {record} has the label {}, which no class has", bytes[record])));
    }
    let labels = bytes.iter().map(|&label| usize::from(label) - 1).collect();
    Records::new(images, labels, is_test, LAYOUT)
}
