//! Every image of a source decoded once, reduced where it is larger than needed, and written down as raw bytes.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::{BrokenFiles, DatasetConfig};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::image_dataset::{INDEX, Index, Skipped};
use crate::dataset::in_order::in_order;
use crate::dataset::set_writer::SetWriter;
use crate::dataset::source::{Item, NAMED, Source, Unread, check_classes};
use crate::imaging::{DAMAGED_JPEG, Image, Resampler};
use std::fmt::Write as _;
use std::path::Path;

/// Images between two reports of progress.
const CHUNK: u64 = 64;
/// Smallest stored side as a multiple of the image size, so that crops keep their detail.
const STORED_PER_IMAGE_SIDE: usize = 2;

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Images written.
    pub images: usize,
    /// Files left out because they cannot be decoded.
    pub skipped: Vec<Skipped>,
    /// JPEGs among the images that lost data inside, and what is wrong with each.
    pub damaged: Vec<Skipped>,
    /// Files passed over because they are no images by their name.
    pub ignored: usize,
}

/// An image as it was read, and why not where it could not be.
struct Read {
    image: Image,
    /// With what is wrong with it although it could be read.
    outcome: Result<Option<String>, Unread>,
}

impl Default for Read {
    fn default() -> Self {
        Self { image: Image::default(), outcome: Ok(None) }
    }
}

/// Decodes a source into the directory `output`, as `images.bin` and `index.json`, for
/// [`ImageDataset`](crate::dataset::ImageDataset).
///
/// In parallel, with the same bytes for any number of threads. `progress` gets (images done, all images);
/// `keep_going` is asked as often, and its error ends the work.
///
/// # Errors
/// The source is not as it should be, a file cannot be decoded (unless broken files are skipped), a class has no
/// images left, `output` cannot be written, or `keep_going` says stop.
pub fn decode(
    config: &DatasetConfig,
    seed: u64,
    output: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
    keep_going: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Decoded> {
    let mut source = Source::open(config)?;
    source.set_test_apart(seed);
    let stored_size = config.stored_size.unwrap_or(STORED_PER_IMAGE_SIDE * config.image_size);
    let mut writer = SetWriter::create(output, &source)?;
    let (mut done, total) = (0, source.items.len() as u64);
    let read = |item: &Item, read: &mut Read| {
        let image = source.read(item, seed, &mut read.image);
        if image.is_ok() {
            reduce(&mut read.image, stored_size);
        }
        read.outcome = image.and_then(|image| Ok(config.damaged_jpegs.judge(image.damage)?));
    };
    in_order(&source.items, read, |item, read| {
        match &read.outcome {
            Ok(damage) => writer.add(item, &read.image, damage.as_deref())?,
            Err(Unread::Broken(reason)) => writer.skip(item, reason),
            Err(Unread::Failed(error)) => return Err(error.clone()),
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
    finish(output, index)
}

/// Writes down what the images are.
fn finish(output: &Path, index: Index) -> Result<Decoded> {
    check_classes(&sizes(&index))?;
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

/// Reduces an image whose shorter side is longer than `stored_size` to that side.
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
    for Skipped { name, reason } in skipped.iter().take(NAMED) {
        // Writing to a string cannot fail.
        let _ = write!(what, "\n    {name}: {reason}");
    }
    if skipped.len() > NAMED {
        let _ = write!(what, "\n    and {} more", skipped.len() - NAMED);
    }
    let mut help = "repair or remove them, or leave them out with broken_files = \"skip\" under [dataset]".to_owned();
    if skipped.iter().any(|file| file.reason.starts_with(DAMAGED_JPEG)) {
        help.push_str("; damaged JPEGs are used as far as they go with damaged_jpegs = \"accept\"");
    }
    Error::stage(what).help(help)
}
