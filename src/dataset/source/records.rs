//! Files of uncompressed, fixed-size image records.

use super::listing::{ImageFiles, ImageReader, Images, Labels, Listing};
use super::{ReadError, ReadReport};
use crate::base::{Error, Result, files};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::names::Names;
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::imaging::{CHANNELS, Image};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The layout of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordLayout {
    /// Image side in pixels.
    pub(super) side: usize,
    /// Bytes before the pixels.
    pub(super) header: usize,
    /// Whether planes are column-major.
    pub(super) by_column: bool,
}

impl RecordLayout {
    /// Returns the bytes per record.
    pub(super) fn record(self) -> usize {
        self.header + CHANNELS * self.side * self.side
    }

    /// Converts planes of red, green and blue to an image.
    fn image(self, planes: &[u8]) -> Image {
        let (side, area) = (self.side, self.side * self.side);
        let mut rgb = Vec::with_capacity(CHANNELS * area);
        for y in 0..side {
            for x in 0..side {
                let at = if self.by_column { x * side + y } else { y * side + x };
                rgb.extend([planes[at], planes[area + at], planes[2 * area + at]]);
            }
        }
        Image { width: side, height: side, rgb }
    }
}

/// An open file of records.
pub(super) struct RecordFile {
    path: PathBuf,
    /// Label of each record.
    labels: Vec<usize>,
    part: Part,
    layout: RecordLayout,
    file: Mutex<File>,
}

impl RecordFile {
    /// Opens a file with known labels.
    pub(super) fn new(path: PathBuf, labels: Vec<usize>, part: Part, layout: RecordLayout) -> Result<Self> {
        let file = File::open(&path).map_err(|error| Error::io("read", &path, &error))?;
        Ok(Self { path, labels, part, layout, file: Mutex::new(file) })
    }

    /// Opens a file whose records have their label in the byte `column` before the pixels, below `classes`.
    ///
    /// # Errors
    /// The file is missing, its length is not that of whole records, or a label is out of range.
    pub(super) fn labeled(
        path: PathBuf,
        part: Part,
        layout: RecordLayout,
        column: usize,
        classes: usize,
    ) -> Result<Self> {
        count(&path, layout.record())?;
        let bytes = files::read(&path)?;
        let labels: Vec<usize> =
            bytes.chunks_exact(layout.record()).map(|record| usize::from(record[column])).collect();
        if let Some(record) = labels.iter().position(|&label| label >= classes) {
            let (label, max) = (labels[record], classes - 1);
            return Err(Error::stage(format!("record {record} has the label {label}, but labels are 0 to {max}"))
                .at(path.display().to_string())
                .help("the file is damaged or of another format: download or unpack it again"));
        }
        Self::new(path, labels, part, layout)
    }

    /// Returns the file name.
    fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Reads the image of a record.
    fn image(&self, record: usize) -> io::Result<Image> {
        let mut bytes = vec![0; self.layout.record()];
        {
            // A poisoned lock is fine: every reader seeks first.
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start((record * bytes.len()) as u64))?;
            file.read_exact(&mut bytes)?;
        }
        Ok(self.layout.image(&bytes[self.layout.header..]))
    }
}

/// Lists the records of files, in their order.
pub(super) fn list(classes: Vec<String>, files: Vec<RecordFile>) -> Listing {
    let (mut names, mut of_images, mut parts, mut records) = (Names::default(), Vec::new(), Vec::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        let name = file.name();
        for (record, &label) in file.labels.iter().enumerate() {
            names.push(&format!("{name}[{record}]"));
            of_images.push(label);
            parts.push(file.part);
            records.push((number, record));
        }
    }
    Listing {
        images: Images { names, reader: Box::new(RecordReader { files, records }), passed_over: PassedOver::default() },
        labels: Labels { classes, of_images, files: Vec::new() },
        parts,
        test_fraction: None,
        groups: None,
        notes: Vec::new(),
    }
}

struct RecordReader {
    files: Vec<RecordFile>,
    /// File and record of each image.
    records: Vec<(usize, usize)>,
}

impl ImageReader for RecordReader {
    fn read(&self, index: usize, _: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        let (file, record) = self.records[index];
        *image = self.files[file].image(record).map_err(|error| format!("cannot read it: {error}"))?;
        Ok(ReadReport::default())
    }

    fn files(&self) -> ImageFiles<'_> {
        ImageFiles::Shared(self.files.iter().map(|file| (file.path.as_path(), file.part)).collect())
    }
}

/// Returns the number of records of a file, from its length.
///
/// # Errors
/// The file is missing or empty, or its length is not a multiple of the record length.
pub(super) fn count(path: &Path, record: usize) -> Result<usize> {
    let length = std::fs::metadata(path).map_err(|error| Error::io("read", path, &error))?.len();
    let record = record as u64;
    if length == 0 || length % record != 0 {
        let whole = length / record;
        return Err(Error::stage(format!(
            "the length of {length} bytes is not a multiple of {record}-byte records ({whole} and a remainder)"
        ))
        .at(path.display().to_string())
        .help("the file is truncated or of another format: download or unpack it again"));
    }
    Ok((length / record) as usize)
}

/// Reads class names, one per line; `None` if the file does not exist.
///
/// # Errors
/// The file cannot be read or does not have `classes` distinct names.
pub(super) fn class_names(path: &Path, classes: usize) -> Result<Option<Vec<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = files::read_text(path)?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let mut distinct = names.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if names.len() != classes || distinct.len() != classes {
        return Err(Error::stage(format!("{} class names instead of {classes} distinct ones", names.len()))
            .at(path.display().to_string())
            .help("the file must have one class name per line"));
    }
    Ok(Some(names))
}

/// Returns a note if there are not as many training and test images as `published`, so that results are not comparable
/// with published ones.
pub(super) fn incomplete(name: &str, published: (usize, usize), classes: &[ClassSize]) -> Option<String> {
    let (train, test) = classes.iter().fold((0, 0), |(train, test), class| (train + class.train, test + class.test));
    ((train, test) != published).then(|| {
        format!(
            "this is a subset of {name}, with {train} of its {} training images and {test} of its {} test images: \
             results cannot be compared with published ones",
            published.0, published.1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_is_reported() {
        let note = |train, test| {
            let class = ClassSize { train, test, ..ClassSize::default() };
            incomplete("CIFAR-10", (50_000, 10_000), &[class.clone(), class])
        };
        assert_eq!(note(25_000, 5_000), None);
        let note = note(5_000, 1_000).unwrap();
        assert!(note.contains("10000 of its 50000 training images and 2000 of its 10000 test images"), "{note}");
    }
}
