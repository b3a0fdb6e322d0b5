//! Image files in a training and a test directory, in an order that does not depend on the file system.

use super::listing::{Images, Labels, Listing, TestImages};
use super::problem::{SourceProblem, check_path, check_test_fraction};
use crate::base::{Error, Result, files};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// File extensions of supported images.
const IMAGE_EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp"];
/// File extensions of images in unsupported formats. They count as files that cannot be decoded instead of being
/// silently ignored; all other files (texts, tables, thumbnail caches) are ignored.
const UNSUPPORTED_EXTENSIONS: [&str; 12] =
    ["gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm", "pgm", "tga"];

/// The training and test images of a source that has a directory for each.
pub(super) struct Directories<'a> {
    /// Directory of the training images.
    pub(super) train: &'a Path,
    /// Directory of the test images.
    pub(super) test: Option<&'a Path>,
    /// Fraction of each class held out for testing if there is no test directory.
    pub(super) test_fraction: f64,
}

impl Directories<'_> {
    /// Reports empty paths and a fraction that has no effect or leaves nothing.
    pub(super) fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let test = self.test.map(|_| "a `test` directory");
        let fraction = check_test_fraction(self.test_fraction, test, is_written);
        let paths = [check_path("train", self.train), self.test.and_then(|test| check_path("test", test))];
        fraction.into_iter().chain(paths.into_iter().flatten()).collect()
    }

    /// Lists both directories; `list` lists one of them.
    ///
    /// # Errors
    /// Those of `list`.
    pub(super) fn list(&self, list: fn(&Path) -> Result<DirectoryListing>) -> Result<Listing> {
        let train = list(self.train)?;
        let test = self.test.map(list).transpose()?;
        let test_images = match &test {
            Some(test) => {
                let flags = [(false, &train), (true, test)];
                let flags = flags.iter().flat_map(|(is_test, found)| std::iter::repeat_n(*is_test, found.images.len()));
                TestImages::Given(flags.collect())
            }
            None => TestImages::HeldOut(self.test_fraction),
        };
        let (mut classes, mut names, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ignored, mut all_classes) = (0, Vec::new());
        for found in [Some(train), test].into_iter().flatten() {
            for (class, name, path) in found.images {
                classes.push(class);
                names.push(name);
                paths.push(path);
            }
            ignored += found.ignored;
            all_classes.extend(found.classes);
        }
        let labels = Labels::of_names(&classes, all_classes);
        Ok(Listing { images: Images::of_files(names, paths, ignored), labels, test: test_images })
    }

    /// Returns what determines the test images apart from the files.
    pub(super) fn content(&self) -> Value {
        json!({ "test_fraction": self.test.is_none().then_some(self.test_fraction) })
    }
}

/// The content of a training or test directory.
#[derive(Default)]
pub(super) struct DirectoryListing {
    /// Class names, including classes without images.
    pub(super) classes: Vec<String>,
    /// (class, name inside the directory, path) of every image.
    pub(super) images: Vec<(String, String, PathBuf)>,
    /// Number of files whose names are not those of images.
    pub(super) ignored: usize,
}

/// An entry of a directory.
pub(super) struct DirectoryEntry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
}

/// Lists a directory, sorted by name, without hidden entries. Links are followed; a dangling link is not a directory,
/// and if it is named like an image, it counts as an image that cannot be read.
///
/// # Errors
/// The directory cannot be read, or a name is not UTF-8.
pub(super) fn entries(directory: &Path) -> Result<Vec<DirectoryEntry>> {
    let help = "give a directory with images; relative paths are relative to the pipeline file";
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
        entries.push(DirectoryEntry { name, path, is_directory });
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Returns whether a file name has the extension of an image.
pub(super) fn is_image(name: &str) -> bool {
    let extension =
        Path::new(name).extension().and_then(|extension| extension.to_str()).unwrap_or("").to_ascii_lowercase();
    IMAGE_EXTENSIONS.contains(&extension.as_str()) || UNSUPPORTED_EXTENSIONS.contains(&extension.as_str())
}
