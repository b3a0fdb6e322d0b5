//! Decoding of every image of a source, once: resized if larger than needed, and written as raw bytes.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::{BrokenFiles, DatasetConfig};
use crate::dataset::dataset_writer::DatasetWriter;
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::image_dataset::{INDEX, Index, Skipped};
use crate::dataset::in_order::in_order;
use crate::dataset::source::{Listing, MAX_NAMED, ReadError, Source, check_classes};
use crate::imaging::{DAMAGED_JPEG, Image, Resampler};
use std::fmt::Write as _;
use std::path::Path;

/// Number of images between two progress updates.
const CHUNK: u64 = 64;
/// Default stored size as a multiple of the image size, so that crops keep their detail.
const STORED_PER_IMAGE_SIDE: usize = 2;

/// A summary of decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Number of images written.
    pub images: usize,
    /// Files skipped because they cannot be decoded.
    pub skipped: Vec<Skipped>,
    /// JPEGs among the images that lost data inside, with the reason for each.
    pub damaged: Vec<Skipped>,
    /// Number of files ignored because their names are not those of images.
    pub ignored: usize,
}

/// A decoded image, or why it could not be decoded.
struct DecodedItem {
    image: Image,
    /// The damage of an image that could be decoded, if any.
    outcome: Result<Option<String>, ReadError>,
}

impl Default for DecodedItem {
    fn default() -> Self {
        Self { image: Image::default(), outcome: Ok(None) }
    }
}

/// Decodes a source into the directory `output`, as `images.bin` and `index.json`, for
/// [`ImageDataset`](crate::dataset::ImageDataset).
///
/// Runs in parallel, and writes the same bytes for any number of threads. `progress` is called with (images done, total
/// images), and `keep_going` just as often; an error from it stops the work.
///
/// # Errors
/// The source is invalid, a file cannot be decoded (unless broken files are skipped), a class has no images left,
/// `output` cannot be written, or `keep_going` returned an error.
pub fn decode(
    config: &DatasetConfig,
    seed: u64,
    output: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
    keep_going: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Decoded> {
    let mut listing = Listing::open(config)?;
    listing.hold_out_test(seed);
    let stored_size = config.stored_size.unwrap_or(STORED_PER_IMAGE_SIDE * config.image_size);
    let mut writer = DatasetWriter::create(output, &listing)?;
    let (mut done, total) = (0, listing.len() as u64);
    let reader = listing.images.reader.as_ref();
    let read = |image: &usize, read: &mut DecodedItem| {
        let image = reader.read(*image, seed, &mut read.image);
        if image.is_ok() {
            reduce(&mut read.image, stored_size);
        }
        read.outcome = image.and_then(|image| Ok(config.damaged_jpegs.judge(image.damage)?));
    };
    let images: Vec<usize> = (0..listing.len()).collect();
    in_order(&images, read, |image, read| {
        match &read.outcome {
            Ok(damage) => writer.add(*image, &read.image, damage.as_deref())?,
            Err(ReadError::Broken(reason)) => writer.skip(*image, reason),
            Err(ReadError::Failed(error)) => return Err(error.clone()),
        }
        done += 1;
        if done % CHUNK != 0 && done != total {
            return Ok(());
        }
        progress(done, total);
        keep_going()
    })?;
    let index = writer.finish()?;
    if config.broken_files == BrokenFiles::Stop && !index.skipped.is_empty() {
        return Err(broken(&index.skipped));
    }
    finish(output, index, config.source.source())
}

/// Writes the index.
fn finish(output: &Path, index: Index, source: &dyn Source) -> Result<Decoded> {
    check_classes(&sizes(&index), source)?;
    files::write_atomic(&output.join(INDEX), hash::canonical_json(&index)?.as_bytes())?;
    let Index { skipped, damaged, ignored, .. } = index;
    Ok(Decoded { images: index.names.len(), skipped, damaged, ignored })
}

fn sizes(index: &Index) -> Vec<ClassSize> {
    let mut sizes: Vec<ClassSize> =
        index.classes.iter().map(|name| ClassSize { name: name.clone(), train: 0, test: 0 }).collect();
    for (&label, &is_test) in index.labels.iter().zip(&index.is_test) {
        *(if is_test { &mut sizes[label].test } else { &mut sizes[label].train }) += 1;
    }
    sizes
}

/// Resizes an image whose shorter side exceeds `stored_size` to that shorter side.
fn reduce(image: &mut Image, stored_size: usize) {
    let shorter = image.width.min(image.height);
    if shorter <= stored_size {
        return;
    }
    let scaled = |side: usize| ((side * stored_size + shorter / 2) / shorter).max(1);
    let (width, height) = (scaled(image.width), scaled(image.height));
    *image = Resampler::default().image(image.view(), width, height);
}

fn broken(skipped: &[Skipped]) -> Error {
    let mut what = match skipped.len() {
        1 => "a file cannot be decoded:".to_owned(),
        count => format!("{count} files cannot be decoded:"),
    };
    for Skipped { name, reason } in skipped.iter().take(MAX_NAMED) {
        // Writing to a string cannot fail.
        let _ = write!(what, "\n    {name}: {reason}");
    }
    if skipped.len() > MAX_NAMED {
        let _ = write!(what, "\n    and {} more", skipped.len() - MAX_NAMED);
    }
    let mut help = "repair or remove them, or skip them with broken_files = \"skip\" under [dataset]".to_owned();
    if skipped.iter().any(|file| file.reason.starts_with(DAMAGED_JPEG)) {
        help.push_str("; damaged_jpegs = \"accept\" uses damaged JPEGs as far as they can be decoded");
    }
    Error::stage(what).help(help)
}
