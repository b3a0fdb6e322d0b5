//! Files of images of one size, one after the other without compression.

use crate::base::{Error, Result};
use crate::imaging::{CHANNELS, Image};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How a record becomes an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Pixels on a side.
    pub(super) side: usize,
    /// Bytes before the pixels.
    pub(super) header: usize,
    /// Whether a plane is stored column by column.
    pub(super) by_column: bool,
}

impl Layout {
    /// Bytes of a record.
    pub(super) fn record(self) -> usize {
        self.header + CHANNELS * self.side * self.side
    }

    /// Planes of red, green and blue to an image.
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
pub(super) struct Records {
    /// The file.
    pub(super) path: PathBuf,
    /// Label of each record.
    pub(super) labels: Vec<usize>,
    /// Whether its images are for testing.
    pub(super) is_test: bool,
    layout: Layout,
    file: Mutex<File>,
}

impl Records {
    /// Opens a file whose labels are known.
    pub(super) fn new(path: PathBuf, labels: Vec<usize>, is_test: bool, layout: Layout) -> Result<Self> {
        let file = File::open(&path).map_err(|error| Error::io("read", &path, &error))?;
        Ok(Self { path, labels, is_test, layout, file: Mutex::new(file) })
    }

    /// Name of the file.
    pub(super) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Reads one record's image.
    pub(super) fn image(&self, record: usize) -> io::Result<Image> {
        let mut bytes = vec![0; self.layout.record()];
        {
            // Every reader seeks first, so one that panicked leaves nothing behind that matters.
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start((record * bytes.len()) as u64))?;
            file.read_exact(&mut bytes)?;
        }
        Ok(self.layout.image(&bytes[self.layout.header..]))
    }
}

/// Records that a file holds by its length.
///
/// # Errors
/// The file is missing or empty, or its length is no multiple of a record.
pub(super) fn count(path: &Path, record: usize) -> Result<usize> {
    let length = std::fs::metadata(path).map_err(|error| Error::io("read", path, &error))?.len();
    let record = record as u64;
    if length == 0 || length % record != 0 {
        let whole = length / record;
        return Err(Error::stage(format!(
            "{length} bytes are no whole number of {record}-byte records ({whole} and a rest)"
        ))
        .at(path.display().to_string())
        .help("the file is cut short or of another kind: download or unpack it again"));
    }
    Ok((length / record) as usize)
}

/// Class names, one a line; `None` where there is no such file.
///
/// # Errors
/// The file cannot be read or has fewer than `classes` names.
pub(super) fn class_names(path: &Path, classes: usize) -> Result<Option<Vec<String>>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = crate::base::files::read_text(path)?;
    let names: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let mut different = names.clone();
    different.sort_unstable();
    different.dedup();
    if names.len() != classes || different.len() != classes {
        return Err(Error::stage(format!("{} class names instead of {classes} different ones", names.len()))
            .at(path.display().to_string())
            .help("the file holds one class name a line"));
    }
    Ok(Some(names))
}
