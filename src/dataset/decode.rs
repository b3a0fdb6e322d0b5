//! Decoding of every image of a source, once: resized if larger than needed, and written as raw bytes.

use crate::base::hash::Digest;
use crate::base::text::visible;
use crate::base::{Error, Result};
use crate::dataset::config::{BrokenFiles, DatasetConfig};
use crate::dataset::contents::Contents;
use crate::dataset::image_dataset::Skipped;
use crate::dataset::in_order::in_order;
use crate::dataset::labeling::write_labels;
use crate::dataset::part::Part;
use crate::dataset::source::{MAX_NAMED, ReadError};
use crate::dataset::store::{Flaw, StoreForm, StoreWriter, StoredImage};
use crate::imaging::perceptual::GrayLevels;
use crate::imaging::{DAMAGED_JPEG, Image, Resampler, SMALL_RANGE};
use std::fmt::Write as _;
use std::path::Path;

/// File that remembers digests of image files where no other is given.
const DIGESTS: &str = "digests.json";
/// Number of images between two progress updates.
const CHUNK: u64 = 64;

/// A summary of decoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Number of images written.
    pub images: usize,
    /// Files skipped because they cannot be decoded.
    pub skipped: Vec<Skipped>,
    /// JPEGs among the images that lost data inside, with the reason for each.
    pub damaged: Vec<Skipped>,
}

/// A decoded image, or why it could not be decoded.
struct DecodedItem {
    image: Image,
    /// Digest of the pixels.
    digest: Digest,
    levels: GrayLevels,
    resampler: Resampler,
    /// The encoded image, if it is kept.
    encoded: Vec<u8>,
    /// The damage of an image that could be decoded, if any.
    outcome: Result<Option<String>, ReadError>,
}

impl Default for DecodedItem {
    fn default() -> Self {
        Self {
            image: Image::default(),
            digest: Digest::default(),
            levels: GrayLevels::default(),
            resampler: Resampler::default(),
            encoded: Vec::new(),
            outcome: Ok(None),
        }
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
    let parts = Part::ALL.map(|part| (part, contents.order(part).len() as u64, output.join(part.name())));
    let existing = || parts.iter().filter(|(_, images, _)| *images > 0);
    let (mut skipped, mut before, total) = (Vec::new(), 0, contents.listing.len() as u64);
    for (part, images, directory) in existing() {
        let progress = |done, _| progress(before + done, total);
        let decoder = Decoder { config, contents: &contents, seed, progress: &progress, keep_going };
        skipped.extend(decoder.decode(*part, directory)?.skipped);
        before += images;
    }
    stop_if_broken(config, &skipped)?;
    let labeled = existing().filter(|(part, ..)| Part::LABELED.contains(part));
    write_labels(&contents, config, output, &labeled.map(|(part, _, path)| (*part, path.as_path())).collect::<Vec<_>>())
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
    let decoder = Decoder { config, contents: &contents, seed, progress, keep_going };
    let mut decoded = decoder.decode(part, output)?;
    if config.broken_files == BrokenFiles::Stop && !decoded.skipped.is_empty() {
        for other in Part::ALL.into_iter().filter(|other| *other != part) {
            decoded.skipped.extend(decoder.broken(other)?);
        }
    }
    stop_if_broken(config, &decoded.skipped).map(|()| decoded)
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
        let mut writer = StoreWriter::create(output, self.form(), self.config.preparation())?;
        let (mut done, total) = (0, images.len() as u64);
        in_order(
            &images,
            |image, read| self.read(*image, read),
            |image, read| {
                let position = done as usize;
                match &read.outcome {
                    Ok(damage) => writer.add(position, &self.stored(*image, read, damage.as_deref()))?,
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
        Ok(Decoded { images: index.ids.len(), skipped, damaged })
    }

    /// Returns the broken files of a part that is not decoded now, so that all are reported at once.
    fn broken(&self, part: Part) -> Result<Vec<Skipped>> {
        let (images, mut broken, mut position) = (self.contents.order(part), Vec::new(), 0);
        in_order(
            &images,
            |image, read| self.read(*image, read),
            |_, read| {
                if let Err(ReadError::Broken(reason)) = &read.outcome {
                    broken.push(Flaw { position, reason: reason.clone() });
                }
                position += 1;
                (self.keep_going)()
            },
        )?;
        Ok(self.contents.named(&images, &broken))
    }

    fn read(&self, image: usize, read: &mut DecodedItem) {
        let reader = &self.contents.listing.images.reader;
        let report = reader.read(image, self.seed, &mut read.image);
        read.outcome = report.and_then(|report| {
            let damage = self.config.damaged_jpegs.judge(report.damage)?;
            self.config.preparation().apply(report.deep, &mut read.image)?;
            read.digest = Digest::of(&read.image.rgb);
            read.levels = GrayLevels::of(read.image.view(), &mut read.resampler);
            if self.form() == StoreForm::Encoded {
                reader.encoded(image, &mut read.encoded)?;
            }
            Ok(damage)
        });
    }

    /// Returns the form in which the images are kept.
    fn form(&self) -> StoreForm {
        self.config.form()
    }

    fn stored<'a>(&'a self, image: usize, read: &'a DecodedItem, damage: Option<&'a str>) -> StoredImage<'a> {
        StoredImage {
            id: self.contents.ids[image],
            pixels: &read.image,
            digest: read.digest,
            levels: &read.levels,
            encoded: &read.encoded,
            place: self.contents.listing.images.reader.place(image),
            damage,
        }
    }
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
        let _ = write!(what, "\n    {}: {reason}", visible(name));
    }
    if skipped.len() > MAX_NAMED {
        let _ = write!(what, "\n    and {} more", skipped.len() - MAX_NAMED);
    }
    let mut help = "repair or remove them, or skip them with broken_files = \"skip\" under [dataset]".to_owned();
    if skipped.iter().any(|file| file.reason.starts_with(DAMAGED_JPEG)) {
        help.push_str("; damaged_jpegs = \"accept\" uses damaged JPEGs as far as they can be decoded");
    }
    if skipped.iter().any(|file| file.reason.starts_with(SMALL_RANGE)) {
        help.push_str(
            "; sixteen_bit = \"per_image\" scales each image to its own range, { window = { black = 0, white = 4095 } } all \
             of them alike",
        );
    }
    Error::stage(what).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn broken_files_of_the_other_parts_are_reported_too() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("data");
        for part in Part::ALL.map(Part::name) {
            for class in ["cat", "dog"] {
                let path = data.join(format!("{part}/{class}/{part}.png"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, path.display().to_string()).unwrap();
            }
        }
        let source = format!("source = {{ image_folder = {{ train = '{}' }} }}\nimage_size = 8", data.display());
        let config: DatasetConfig = toml::from_str(&source).unwrap();
        let memo = root.path().join(DIGESTS);
        for part in Part::ALL {
            let output = root.path().join("output").join(part.name());
            let error = decode_images(&config, part, (0, &memo), &output, &|_, _| {}, &|| Ok(())).unwrap_err();
            assert!(error.what().starts_with("8 files cannot be decoded:"), "{error}");
            for other in Part::ALL.map(Part::name) {
                assert!(error.what().contains(&format!("dog/{other}.png: not a")), "{error}");
            }
        }
    }
}
