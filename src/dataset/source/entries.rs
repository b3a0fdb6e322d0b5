//! What a directory has: directories and images, in an order that does not depend on the file system. Everything else is
//! counted.

use crate::base::{Error, Result, files, own_output};
use crate::dataset::passed_over::PassedOver;
use crate::imaging::{FileFormat, SIGNATURE_BYTES, recognize};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// File extensions of images, including those of formats that cannot be decoded, which count as broken files instead of
/// being passed over.
const IMAGES: [&str; 23] = [
    "jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp", "dib", "tif", "tiff", "avif", "heic", "heif", "jxl",
    "jp2", "j2k", "ppm", "pgm", "pbm", "pnm", "tga", "jxr",
];
/// File extensions of other files, even if their content begins like an image: raw photographs have a small preview
/// first.
const NO_IMAGES: [&str; 17] = [
    "arw", "cr2", "cr3", "dng", "nef", "orf", "pef", "raf", "rw2", "srw", "dcm", "npy", "psd", "svg", "ico", "cur",
    "thm",
];
/// Endings of unfinished downloads, temporary files and copies that editors leave.
const UNFINISHED: [&str; 12] = [
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".filepart",
    ".tmp",
    ".temp",
    ".swp",
    ".bak",
    ".orig",
    ".old",
    "~",
];
/// Names of directories in which systems keep thumbnails, deleted files and other files of their own.
const SYSTEM_DIRECTORIES: [&str; 9] = [
    "@eaDir",
    "__MACOSX",
    "$RECYCLE.BIN",
    "#recycle",
    "@Recycle",
    "@Recently-Snapshot",
    "lost+found",
    "System Volume Information",
    "__pycache__",
];

/// An entry of a directory: a directory or an image.
pub(super) struct DirectoryEntry {
    /// Name as text; bytes that are not UTF-8 are escaped.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
}

/// Lists the directories and images in a directory, sorted by name. Links are followed; a dangling link is not a
/// directory, and if it is named like an image, it counts as an image that cannot be read. Other entries are added to
/// `passed_over`: hidden ones, the program's own output, directories of the system, unfinished files, and files that neither their name nor their
/// content shows to be images.
///
/// # Errors
/// The directory cannot be read.
pub(super) fn entries(directory: &Path, passed_over: &mut PassedOver) -> io::Result<Vec<DirectoryEntry>> {
    let mut listed: Vec<DirectoryEntry> = files::entries(directory)?.into_iter().map(DirectoryEntry::new).collect();
    listed.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let parent = directory.file_name().map(text).unwrap_or_default();
    listed.retain(|entry| match entry.passed_over() {
        Some(kind) => {
            passed_over.add(&kind, &format!("{parent}/{}", entry.name));
            false
        }
        None => true,
    });
    Ok(listed)
}

/// What a directory has that the file names.
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) entries: Vec<DirectoryEntry>,
    /// What else is in it.
    pub(super) passed_over: PassedOver,
}

impl Root {
    /// Lists a directory as [`entries`] does.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let help = "give a directory with images; relative paths are relative to the pipeline file";
        let mut passed_over = PassedOver::default();
        let entries = entries(path, &mut passed_over)
            .map_err(|error| Error::io("read the directory", path, &error).help(help))?;
        Ok(Self { path: path.to_owned(), entries, passed_over })
    }
}

impl DirectoryEntry {
    fn new(path: PathBuf) -> Self {
        let is_directory = fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        Self { name: path.file_name().map(text).unwrap_or_default(), path, is_directory }
    }

    /// Returns the kind under which the entry is passed over, if it is.
    fn passed_over(&self) -> Option<String> {
        let name = self.name.as_str();
        if name.starts_with('.') {
            return Some("hidden".to_owned());
        }
        if self.is_directory {
            if own_output::is_own_output(&self.path) {
                return Some("results of earlier runs".to_owned());
            }
            let is_system = SYSTEM_DIRECTORIES.iter().any(|system| name.eq_ignore_ascii_case(system));
            return is_system.then(|| format!("`{name}`"));
        }
        let lower = name.to_ascii_lowercase();
        if UNFINISHED.iter().any(|ending| lower.ends_with(ending)) {
            return Some("unfinished or backup".to_owned());
        }
        let extension = Path::new(&lower).extension().and_then(OsStr::to_str).unwrap_or_default();
        if is_image(name) || !NO_IMAGES.contains(&extension) && has_image(&self.path) {
            return None;
        }
        Some(if extension.is_empty() { "without extension".to_owned() } else { format!(".{extension}") })
    }
}

/// Returns whether a file name has the extension of an image.
pub(super) fn is_image(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str).unwrap_or_default();
    IMAGES.contains(&extension.to_ascii_lowercase().as_str())
}

/// Returns whether a file begins like an image. A file that cannot be read does not.
fn has_image(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = files::open_regular(path).and_then(|file| file.take(SIGNATURE_BYTES as u64).read_to_end(&mut start));
    read.is_ok() && matches!(recognize(&start), Some(FileFormat::Supported(_) | FileFormat::Unsupported(_)))
}

/// Returns a name as text, with bytes that are not UTF-8 as escapes: `caf\xe9.jpg`.
fn text(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}
