//! Images of Parquet files, of which whole row groups are decoded when one of their images is needed.

use super::image_file;
use super::listing::{ImageFiles, ImageReader};
use super::parquet_file::ParquetFile;
use super::{ReadError, ReadReport};
use crate::dataset::part::Part;
use crate::imaging::Image;
use parquet::data_type::ByteArray;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Row groups that are kept: images are read by several threads almost in their order, so that some threads are at the
/// end of one group while others are at the start of the next.
const KEPT: usize = 2;
/// More row groups are kept as long as all of them have at most this many bytes.
const SMALL: usize = 64 << 20;

/// Where an image is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowPlace {
    pub(super) file: usize,
    pub(super) group: usize,
    /// Row inside the row group.
    pub(super) row: usize,
}

/// Reads images out of row groups.
pub(super) struct RowGroupReader {
    files: Vec<(PathBuf, Part)>,
    /// Name of the column of images.
    column: String,
    /// Place of each image.
    places: Vec<RowPlace>,
    state: Mutex<State>,
}

/// The images of a row group, or why it cannot be decoded.
type RowGroup = Result<Arc<Vec<Option<ByteArray>>>, String>;

#[derive(Default)]
struct State {
    open: Option<(usize, ParquetFile)>,
    /// Row groups with file and number, the oldest first.
    groups: VecDeque<((usize, usize), RowGroup)>,
}

impl RowGroupReader {
    /// Creates a reader of images at `places` in `files`.
    pub(super) fn new(files: Vec<(PathBuf, Part)>, column: String, places: Vec<RowPlace>) -> Self {
        Self { files, column, places, state: Mutex::default() }
    }

    /// Returns an encoded image, which shares the memory of its row group.
    fn row(&self, index: usize) -> Result<ByteArray, ReadError> {
        let RowPlace { file, group, row } = self.places[index];
        let images = self.group(file, group)?.map_err(|problem| format!("cannot decode {problem}"))?;
        let image = images.get(row).and_then(Option::as_ref).cloned();
        Ok(image.ok_or_else(|| format!("the column `{}` has no image in this row", self.column))?)
    }

    /// Returns a row group, decoded once for all its images.
    fn group(&self, file: usize, group: usize) -> Result<RowGroup, ReadError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = state.groups.iter().find(|(of, _)| *of == (file, group)) {
            return Ok(found.clone());
        }
        let opened = match state.open.take() {
            Some((open, opened)) if open == file => opened,
            _ => ParquetFile::open(&self.files[file].0, &self.column).map_err(ReadError::Failed)?,
        };
        // Before the next one is decoded, so that memory is bounded by `KEPT` row groups.
        while state.groups.len() >= KEPT && state.groups.iter().map(|(_, group)| size(group)).sum::<usize>() > SMALL {
            state.groups.pop_front();
        }
        let images = opened.images(group).map(Arc::new);
        state.open = Some((file, opened));
        state.groups.push_back(((file, group), images.clone()));
        Ok(images)
    }
}

/// Returns the bytes of the images of a row group.
fn size(group: &RowGroup) -> usize {
    group.iter().flat_map(|images| images.iter()).flatten().map(ByteArray::len).sum()
}

impl ImageReader for RowGroupReader {
    fn read(&self, index: usize, _: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        let path = &self.files[self.places[index].file].0;
        let bytes = self.row(index)?;
        image_file::decode(bytes.data(), bytes.len() as u64, path, image)
    }

    fn encoded(&self, index: usize, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        bytes.clear();
        bytes.extend_from_slice(self.row(index)?.data());
        Ok(())
    }

    fn files(&self) -> ImageFiles<'_> {
        ImageFiles::Shared(self.files.iter().map(|(path, part)| (path.as_path(), *part)).collect())
    }
}
