//! Image files in directories: which there are, by name, in an order of our own.

use crate::base::{Error, Result, files};
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of the files that are read.
const IMAGES: [&str; 6] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp"];
/// Endings of images in formats that are not read. They count as files that cannot be decoded rather than being
/// passed over in silence; everything else (texts, tables, thumbnails' caches) is ignored.
const OTHER_IMAGES: [&str; 12] =
    ["gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm", "pgm", "tga"];

/// What a training or test directory holds.
#[derive(Default)]
pub(super) struct Found {
    /// Class names, with those of classes without images.
    pub(super) classes: Vec<String>,
    /// (class, name inside the directory, path) of every image.
    pub(super) images: Vec<(String, String, PathBuf)>,
    /// Files that are no images by their name.
    pub(super) ignored: usize,
}

/// An entry of a directory.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
}

/// Entries of a directory, sorted by name, without hidden ones. Links are followed; a link that leads nowhere is no directory,
/// and an image that cannot be read where it is named like one.
///
/// # Errors
/// The directory cannot be read, or a name is not UTF-8.
pub(super) fn entries(directory: &Path) -> Result<Vec<Entry>> {
    let help = "name a directory with images; relative paths are relative to the pipeline file";
    let listing =
        files::entries(directory).map_err(|error| Error::io("read the directory", directory, &error).help(help))?;
    let mut entries = Vec::new();
    for path in listing {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
            return Err(Error::stage("a file name is not UTF-8")
                .at(path.display().to_string())
                .help("rename the file"));
        };
        if name.starts_with('.') {
            continue;
        }
        let is_directory = fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        entries.push(Entry { name, path, is_directory });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Whether a file is an image by its ending.
pub(super) fn is_image(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
    IMAGES.contains(&ending.as_str()) || OTHER_IMAGES.contains(&ending.as_str())
}
