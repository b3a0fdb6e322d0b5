//! Picture files in folders: which there are, by name, in an order of our own.

use crate::base::{Error, Result, files};
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of the files that are read.
const PICTURES: [&str; 6] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp"];
/// Endings of pictures in formats that are not read. They count as files that cannot be decoded rather than being
/// passed over in silence; everything else (texts, tables, thumbnails' caches) is ignored.
const OTHER_PICTURES: [&str; 12] =
    ["gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm", "pgm", "tga"];

/// What a training or test folder holds.
#[derive(Default)]
pub(super) struct Found {
    /// Class names, with those of classes without pictures.
    pub(super) classes: Vec<String>,
    /// (class, name inside the folder, path) of every picture.
    pub(super) pictures: Vec<(String, String, PathBuf)>,
    /// Files that are no pictures by their name.
    pub(super) ignored: usize,
}

/// An entry of a folder.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_folder: bool,
}

/// Entries of a folder, sorted by name, without hidden ones. Links are followed; a link that leads nowhere is no folder,
/// and a picture that cannot be read where it is named like one.
///
/// # Errors
/// The folder cannot be read, or a name is not UTF-8.
pub(super) fn entries(folder: &Path) -> Result<Vec<Entry>> {
    let help = "name a folder with pictures; relative paths are relative to the pipeline file";
    let listing = files::entries(folder).map_err(|error| Error::io("read the folder", folder, &error).help(help))?;
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
        let is_folder = fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        entries.push(Entry { name, path, is_folder });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Whether a file is a picture by its ending.
pub(super) fn is_picture(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
    PICTURES.contains(&ending.as_str()) || OTHER_PICTURES.contains(&ending.as_str())
}
