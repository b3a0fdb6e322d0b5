//! Files of uncompressed, fixed-size image records.

use super::listing::{ImageFiles, ImageReader, Images, Labels, Listing};
use super::{ReadError, ReadReport};
use crate::base::{Error, Result};
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
    let (mut names, mut of_images, mut parts, mut records) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (number, file) in files.iter().enumerate() {
        let name = file.name();
        for (record, &label) in file.labels.iter().enumerate() {
            names.push(format!("{name}[{record}]"));
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
    let text = crate::base::files::read_text(path)?;
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
