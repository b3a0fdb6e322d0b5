//! Every picture of a source decoded once, reduced where it is larger than needed, and written down as raw bytes.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::{BrokenFiles, DatasetConfig};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::picture_set::{INDEX, Index, PICTURES, Skipped, VERSION};
use crate::dataset::source::{Item, NAMED, Source, check_classes};
use crate::picture::{OwnedPicture, Resampler};
use rayon::prelude::*;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::sync_channel;

/// Pictures decoded before they are written: enough for any number of threads, small against memory.
const CHUNK: usize = 64;
/// Smallest stored side as a multiple of the image size, so that crops keep their detail.
const STORED_PER_IMAGE_SIDE: usize = 2;

/// What was decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Pictures written.
    pub pictures: usize,
    /// Files left out because they cannot be decoded.
    pub skipped: Vec<Skipped>,
    /// Files passed over because they are no pictures by their name.
    pub ignored: usize,
}

/// Decodes a source into the folder `output`, as `pictures.bin` and `index.json`, for
/// [`PictureSet`](crate::dataset::PictureSet).
///
/// In parallel, with the same bytes for any number of threads. `progress` gets (pictures done, all pictures);
/// `keep_going` is asked between chunks, and its error ends the work.
///
/// # Errors
/// The source is not as it should be, a file cannot be decoded (unless broken files are skipped), a class has no
/// pictures left, `output` cannot be written, or `keep_going` says stop.
pub fn decode(
    config: &DatasetConfig,
    seed: u64,
    output: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
    keep_going: &(dyn Fn() -> Result<()> + Sync),
) -> Result<Decoded> {
    let mut source = Source::open(config)?;
    source.set_test_apart(seed);
    let stored_side = config.stored_side.unwrap_or(STORED_PER_IMAGE_SIDE * config.image_size);
    let writer = SetWriter::create(output, &source)?;
    let total = source.items.len() as u64;
    let index = std::thread::scope(|scope| {
        // One chunk is written while the next is decoded.
        let (sender, receiver) = sync_channel::<Vec<(&Item, Result<OwnedPicture, String>)>>(1);
        let writing = scope.spawn(move || {
            let mut writer = writer;
            receiver.into_iter().flatten().try_for_each(|(item, picture)| writer.add(item, picture))?;
            writer.flush()
        });
        let mut done = 0;
        for chunk in source.items.chunks(CHUNK) {
            keep_going()?;
            let read = |item| (item, source.picture(item, seed).map(|picture| reduce(picture, stored_side)));
            if sender.send(chunk.par_iter().map(read).collect()).is_err() {
                break; // The writer has stopped and says why.
            }
            done += chunk.len() as u64;
            progress(done, total);
        }
        drop(sender);
        writing.join().unwrap_or_else(|panic| resume_unwind(panic))
    })?;
    if config.broken_files == BrokenFiles::Stop && !index.skipped.is_empty() {
        return Err(broken(&index.skipped));
    }
    finish(output, index)
}

/// Writes down what the pictures are.
fn finish(output: &Path, index: Index) -> Result<Decoded> {
    check_classes(&sizes(&index))?;
    files::write_atomic(&output.join(INDEX), hash::canonical_json(&index)?.as_bytes())?;
    Ok(Decoded { pictures: index.names.len(), skipped: index.skipped, ignored: index.ignored })
}

fn sizes(index: &Index) -> Vec<ClassSize> {
    let mut sizes: Vec<ClassSize> =
        index.classes.iter().map(|name| ClassSize { name: name.clone(), train: 0, test: 0 }).collect();
    for (&label, &is_test) in index.labels.iter().zip(&index.is_test) {
        *(if is_test { &mut sizes[label].test } else { &mut sizes[label].train }) += 1;
    }
    sizes
}

/// Reduces a picture whose shorter side is longer than `stored_side` to that side.
fn reduce(picture: OwnedPicture, stored_side: usize) -> OwnedPicture {
    let shorter = picture.width.min(picture.height);
    if shorter <= stored_side {
        return picture;
    }
    let scaled = |side: usize| ((side * stored_side + shorter / 2) / shorter).max(1);
    let (width, height) = (scaled(picture.width), scaled(picture.height));
    Resampler::default().picture(picture.view(), width, height)
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
    Error::stage(what).help("repair or remove them, or leave them out with broken_files = \"skip\" under [dataset]")
}

/// Writes pictures one after the other.
struct SetWriter<'a> {
    folder: &'a Path,
    file: BufWriter<File>,
    index: Index,
    offset: usize,
}

impl<'a> SetWriter<'a> {
    fn create(folder: &'a Path, source: &Source) -> Result<Self> {
        files::create_folder(folder)?;
        let path = folder.join(PICTURES);
        let file = File::create(&path).map_err(|error| Error::io("write", &path, &error))?;
        let index =
            Index { version: VERSION, classes: source.classes.clone(), ignored: source.ignored, ..Index::default() };
        Ok(Self { folder, file: BufWriter::new(file), index, offset: 0 })
    }

    fn add(&mut self, item: &Item, picture: Result<OwnedPicture, String>) -> Result<()> {
        let picture = match picture {
            Ok(picture) => picture,
            Err(reason) => {
                self.index.skipped.push(Skipped { name: item.name.clone(), reason });
                return Ok(());
            }
        };
        self.file.write_all(&picture.rgb).map_err(|error| self.failed(&error))?;
        self.index.names.push(item.name.clone());
        self.index.labels.push(item.label);
        self.index.is_test.push(item.is_test);
        self.index.sizes.push((picture.width, picture.height));
        self.index.offsets.push(self.offset);
        self.offset += picture.rgb.len();
        Ok(())
    }

    /// The index of the pictures, which all are in the file then.
    fn flush(mut self) -> Result<Index> {
        self.file.flush().map_err(|error| self.failed(&error))?;
        Ok(self.index)
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        Error::io("write", self.folder.join(PICTURES), error)
    }
}
