//! CIFAR-10 in its binary format: records of a label byte and three planes of 32 x 32 pixels.

use super::binary::{RecordFile, RecordLayout, class_names, count};
use crate::base::{Error, Result, files};
use std::path::Path;

const LAYOUT: RecordLayout = RecordLayout { side: 32, header: 1, by_column: false };
const CLASSES: usize = 10;
const TRAINING_FILES: usize = 5;
/// Class names if batches.meta.txt is missing.
const NAMES: [&str; CLASSES] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Opens those of `data_batch_1.bin` to `data_batch_5.bin` that exist, and `test_batch.bin`.
///
/// # Errors
/// All training files or the test file are missing, or a file is damaged.
pub(super) fn open(directory: &Path) -> Result<(Vec<String>, Vec<RecordFile>)> {
    let names = class_names(&directory.join("batches.meta.txt"), CLASSES)?
        .unwrap_or_else(|| NAMES.iter().map(|&name| name.to_owned()).collect());
    let mut opened = Vec::new();
    for number in 1..=TRAINING_FILES {
        let path = directory.join(format!("data_batch_{number}.bin"));
        if path.exists() {
            opened.push(open_file(&path, false)?);
        }
    }
    let test = directory.join("test_batch.bin");
    if opened.is_empty() || !test.exists() {
        let missing = if opened.is_empty() { "data_batch_1.bin" } else { "test_batch.bin" };
        return Err(Error::stage(format!("{missing} is missing"))
            .at(directory.display().to_string())
            .help("set path to the directory that cifar-10-binary.tar.gz unpacks to (cifar-10-batches-bin)"));
    }
    opened.push(open_file(&test, true)?);
    Ok((names, opened))
}

fn open_file(path: &Path, is_test: bool) -> Result<RecordFile> {
    count(path, LAYOUT.record())?;
    let bytes = files::read(path)?;
    let labels: Vec<usize> = bytes.chunks_exact(LAYOUT.record()).map(|record| usize::from(record[0])).collect();
    if let Some(record) = labels.iter().position(|&label| label >= CLASSES) {
        return Err(Error::stage(format!(
            "record {record} has the label {}, but labels are 0 to {}",
            labels[record],
            CLASSES - 1
        ))
        .at(path.display().to_string())
        .help("the file is damaged or is not a CIFAR-10 file: download or unpack it again"));
    }
    RecordFile::new(path.to_owned(), labels, is_test, LAYOUT)
}
