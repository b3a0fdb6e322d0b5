//! Decoding of every image of a source, once: resized if larger than needed, and written as raw bytes.

use crate::base::{Error, Result};
use crate::dataset::config::{BrokenFiles, DatasetConfig};
use crate::dataset::contents::{Contents, Part};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::image_dataset::{Index, Skipped};
use crate::dataset::image_store::{Flaw, StoreIndex, VERSION, read_index};
use crate::dataset::in_order::in_order;
use crate::dataset::source::{MAX_NAMED, ReadError, check_classes};
use crate::dataset::store_writer::StoreWriter;
use crate::imaging::{DAMAGED_JPEG, Image, Resampler};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

/// File that remembers digests of image files where no other is given.
const DIGESTS: &str = "digests.json";
/// Number of images between two progress updates.
const CHUNK: u64 = 64;
/// Default stored size as a multiple of the image size, so that crops keep their detail.
const STORED_PER_IMAGE_SIDE: usize = 2;

/// A summary of decoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// Decodes a source into the directory `output`, for [`ImageDataset::open`](crate::dataset::ImageDataset::open): each
/// part into a directory of its own, and the names and labels as `index.json`.
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
    let contents = Contents::open(config, &output.join(DIGESTS))?;
    let [train, test] = Part::ALL.map(|part| output.join(part.name()));
    let (first, total) = (contents.order(Part::Training).len() as u64, contents.listing.len() as u64);
    let decode = |part, output: &Path, before: u64| {
        let progress = |done, _| progress(before + done, total);
        Decoder { config, contents: &contents, seed, progress: &progress, keep_going }.decode(part, output)
    };
    let skipped = [decode(Part::Training, &train, 0)?.skipped, decode(Part::Test, &test, first)?.skipped].concat();
    stop_if_broken(config, &skipped)?;
    write_labels(&contents, config, output, [&train, &test])
}

/// Decodes the images of a part into the directory `output`, as `images.bin` and `index.json`, which say nothing of names
/// and labels. `memo` is as for [`fingerprint`](fn@crate::dataset::fingerprint), the rest as for [`decode`].
///
/// # Errors
/// As for [`decode`], but for classes.
pub(crate) fn decode_images(
    config: &DatasetConfig,
    part: Part,
    (seed, memo): (u64, &Path),
    output: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
    keep_going: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Decoded> {
    let contents = Contents::open(config, memo)?;
    let decoded = Decoder { config, contents: &contents, seed, progress, keep_going }.decode(part, output)?;
    stop_if_broken(config, &decoded.skipped).map(|()| decoded)
}

/// Writes the names and labels of decoded images, training and test, into the directory `output`, as `index.json`.
///
/// # Errors
/// The source is invalid, the images are not those of the source, or a class has none left.
pub(crate) fn label_images(config: &DatasetConfig, memo: &Path, output: &Path, parts: [&Path; 2]) -> Result<Decoded> {
    write_labels(&Contents::open(config, memo)?, config, output, parts)
}

/// What decoding needs besides the place of the result.
struct Decoder<'a> {
    config: &'a DatasetConfig,
    contents: &'a Contents,
    seed: u64,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    keep_going: &'a (dyn Fn() -> Result<()> + Sync),
}

impl Decoder<'_> {
    fn decode(&self, part: Part, output: &Path) -> Result<Decoded> {
        let images = self.contents.order(part);
        let mut writer = StoreWriter::create(output)?;
        let (mut done, total) = (0, images.len() as u64);
        in_order(
            &images,
            |image, read| self.read(*image, read),
            |image, read| {
                let position = done as usize;
                match &read.outcome {
                    Ok(damage) => writer.add(position, &self.contents.ids[*image], &read.image, damage.as_deref())?,
                    Err(ReadError::Broken(reason)) => writer.skip(position, reason),
                    Err(ReadError::Failed(error)) => return Err(error.clone()),
                }
                done += 1;
                if done % CHUNK != 0 && done != total {
                    return Ok(());
                }
                (self.progress)(done, total);
                (self.keep_going)()
            },
        )?;
        let index = writer.finish()?;
        let named = |flaws: &[Flaw]| self.contents.named(&images, flaws);
        let (skipped, damaged) = (named(&index.skipped), named(&index.damaged));
        Ok(Decoded { images: index.ids.len(), skipped, damaged, ignored: 0 })
    }

    fn read(&self, image: usize, read: &mut DecodedItem) {
        let stored_size = self.config.stored_size.unwrap_or(STORED_PER_IMAGE_SIDE * self.config.image_size);
        let report = self.contents.listing.images.reader.read(image, self.seed, &mut read.image);
        if report.is_ok() {
            reduce(&mut read.image, stored_size);
        }
        read.outcome = report.and_then(|report| Ok(self.config.damaged_jpegs.judge(report.damage)?));
    }
}

impl Contents {
    /// Names images by their positions, in the order of the listing.
    fn named(&self, order: &[usize], flaws: &[Flaw]) -> Vec<Skipped> {
        let mut images: Vec<(usize, &Flaw)> = flaws.iter().map(|flaw| (order[flaw.position], flaw)).collect();
        images.sort_by_key(|(image, _)| *image);
        let name = |image: usize| self.listing.images.names[image].clone();
        images.into_iter().map(|(image, flaw)| Skipped { name: name(image), reason: flaw.reason.clone() }).collect()
    }
}

fn write_labels(contents: &Contents, config: &DatasetConfig, output: &Path, parts: [&Path; 2]) -> Result<Decoded> {
    let (labels, names) = (&contents.listing.labels, &contents.listing.images.names);
    let (classes, ignored) = (labels.classes.clone(), contents.listing.images.ignored);
    let mut index = Index { version: VERSION, classes, ignored, ..Index::default() };
    for (part, directory) in Part::ALL.into_iter().zip(parts) {
        let store = read_index::<StoreIndex>(directory)?;
        let order = contents.order(part);
        let is_known = |flaw: &Flaw| flaw.position < order.len();
        if !store.skipped.iter().chain(&store.damaged).all(is_known) {
            return Err(changed());
        }
        let skipped: HashSet<usize> = store.skipped.iter().map(|flaw| flaw.position).collect();
        let kept = order.iter().enumerate().filter(|(position, _)| !skipped.contains(position));
        let kept: Vec<usize> = kept.map(|(_, image)| *image).collect();
        if !kept.iter().map(|image| &contents.ids[*image]).eq(&store.ids) {
            return Err(changed());
        }
        index.names.extend(kept.iter().map(|image| names[*image].clone()));
        index.labels.extend(kept.iter().map(|image| labels.of_images[*image]));
        index.is_test.extend(kept.iter().map(|_| part.is_test()));
        index.skipped.extend(contents.named(&order, &store.skipped));
        index.damaged.extend(contents.named(&order, &store.damaged));
    }
    check_classes(&sizes(&index), config.source.source())?;
    index.write(output)?;
    let Index { skipped, damaged, ignored, .. } = index;
    Ok(Decoded { images: index.names.len(), skipped, damaged, ignored })
}

fn changed() -> Error {
    Error::stage("the images changed while they were read").help("run again when they are complete")
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

fn stop_if_broken(config: &DatasetConfig, skipped: &[Skipped]) -> Result<()> {
    if config.broken_files == BrokenFiles::Stop && !skipped.is_empty() { Err(broken(skipped)) } else { Ok(()) }
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
