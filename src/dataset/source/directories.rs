//! Image files in a directory for each part, in an order that does not depend on the file system.

use super::layout::Layout;
use super::listing::{FoundImage, Listing};
use super::pattern::Pattern;
use super::problem::{SourceProblem, check_group, check_path, check_test_fraction};
use crate::base::text::visible;
use crate::base::{Error, Result, files, own_output};
use crate::dataset::part::Part;
use std::fs;
use std::path::{Path, PathBuf};

/// File extensions of supported images.
const IMAGE_EXTENSIONS: [&str; 6] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp"];
/// File extensions of images in unsupported formats. They count as files that cannot be decoded instead of being
/// silently ignored; all other files (texts, tables, thumbnail caches) are ignored.
const UNSUPPORTED_EXTENSIONS: [&str; 12] =
    ["gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm", "pgm", "tga"];

/// The keys that sources of image files share.
pub(super) struct Directories<'a> {
    /// Directory of the training images.
    pub(super) train: &'a Path,
    /// Directory of validation images.
    pub(super) validation: Option<&'a Path>,
    /// Directory of the test images.
    pub(super) test: Option<&'a Path>,
    /// Directory of images without labels.
    pub(super) unlabeled: Option<&'a Path>,
    /// Pattern of the group in the names.
    pub(super) group_pattern: Option<&'a Pattern>,
    /// Fraction of each class held out for testing if there is no test directory.
    pub(super) test_fraction: f64,
}

impl Directories<'_> {
    /// Reports empty paths, a pattern without its group, and a fraction that has no effect or leaves nothing.
    pub(super) fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let test = self.test.map(|_| "a `test` directory");
        let fraction = check_test_fraction(self.test_fraction, test, is_written);
        let paths = [
            ("train", Some(self.train)),
            ("validation", self.validation),
            ("test", self.test),
            ("unlabeled", self.unlabeled),
        ];
        let paths = paths.into_iter().filter_map(|(key, path)| check_path(key, path?));
        let pattern = self.group_pattern.and_then(|pattern| check_group("group_pattern", pattern, "group"));
        fraction.into_iter().chain(paths).chain(pattern).collect()
    }

    /// Returns the directories, with those that are found inside `train`.
    ///
    /// # Errors
    /// `train` cannot be read.
    pub(super) fn layout(&self) -> Result<Layout> {
        let owned = |path: &Path| path.to_owned();
        let layout = Layout {
            train: owned(self.train),
            validation: self.validation.map(owned),
            test: self.test.map(owned),
            unlabeled: self.unlabeled.map(owned),
            unused: Vec::new(),
        };
        layout.resolve()
    }

    /// Lists the directories of a layout; `list` lists one of them, with the classes if the images have labels.
    ///
    /// # Errors
    /// Those of `list`, or an image without a group.
    pub(super) fn list(
        &self,
        layout: &Layout,
        has_labels: bool,
        list: &dyn Fn(&Path) -> Result<DirectoryListing>,
    ) -> Result<Listing> {
        let (mut found, mut ignored, mut classes, mut notes) = (Vec::new(), 0, Vec::new(), Vec::new());
        let parts = [
            (Part::Training, Some(&layout.train)),
            (Part::Validation, layout.validation.as_ref()),
            (Part::Test, layout.test.as_ref()),
            (Part::Unlabeled, layout.unlabeled.as_ref()),
        ];
        for (part, directory) in parts.into_iter().filter_map(|(part, directory)| Some((part, directory?))) {
            let is_labeled = has_labels && part != Part::Unlabeled;
            let listed = if is_labeled { list(directory)? } else { list_unlabeled(directory)? };
            for (class, name, path) in listed.images {
                let group = self.group_pattern.map(|pattern| group(pattern, &name, &path)).transpose()?;
                let class = is_labeled.then_some(class);
                found.push(FoundImage { name, path, class, part, group });
            }
            ignored += listed.ignored;
            classes.extend(listed.classes);
            notes.extend(listed.note);
        }
        notes.truncate(1);
        notes.extend(layout.note());
        let test_fraction = (has_labels && layout.test.is_none()).then_some(self.test_fraction);
        Ok(Listing { notes, ..Listing::of_files(found, classes, ignored, test_fraction) })
    }
}

/// Returns the group of an image.
fn group(pattern: &Pattern, name: &str, path: &Path) -> Result<String> {
    let group = pattern.group("group", name).map(str::to_owned);
    group.ok_or_else(|| {
        Error::stage(format!("`group_pattern` finds no group in `{}`", visible(name)))
            .at(path.display().to_string())
            .help(format!("the pattern is {}; change it so that it matches every name", visible(pattern.as_str())))
    })
}

/// Lists the images of a directory and its subdirectories, without classes.
///
/// # Errors
/// A directory cannot be read, or links form a cycle.
pub(super) fn list_unlabeled(root: &Path) -> Result<DirectoryListing> {
    let mut found = DirectoryListing::default();
    walk(root, "", "", &mut Vec::new(), &mut found)?;
    Ok(found)
}

/// Adds the images of a directory and its subdirectories; `above` is the stack of parent directories, `name` the name
/// of the directory inside the source.
///
/// # Errors
/// A directory cannot be read, or links form a cycle.
pub(super) fn walk(
    directory: &Path,
    class: &str,
    name: &str,
    above: &mut Vec<PathBuf>,
    found: &mut DirectoryListing,
) -> Result<()> {
    let here = canonical(directory)?;
    if above.contains(&here) {
        return Err(Error::stage("links between directories form a cycle")
            .at(directory.display().to_string())
            .help("remove the link to a parent directory"));
    }
    above.push(here);
    for entry in entries(directory)? {
        let name = if name.is_empty() { entry.name.clone() } else { format!("{name}/{}", entry.name) };
        if entry.is_directory {
            walk(&entry.path, class, &name, above, found)?;
        } else if is_image(&entry.name) {
            found.images.push((class.to_owned(), name, entry.path));
        } else {
            found.ignored += 1;
        }
    }
    above.pop();
    Ok(())
}

/// Returns the path of a directory without links.
///
/// # Errors
/// It cannot be read.
pub(super) fn canonical(directory: &Path) -> Result<PathBuf> {
    directory.canonicalize().map_err(|error| Error::io("read the directory", directory, &error))
}

/// The content of a directory of images.
#[derive(Default)]
pub(super) struct DirectoryListing {
    /// Class names, including classes without images.
    pub(super) classes: Vec<String>,
    /// (class, name inside the directory, path) of every image.
    pub(super) images: Vec<(String, String, PathBuf)>,
    /// Number of files whose names are not those of images.
    pub(super) ignored: usize,
    /// Why the classes may not be what the user expects.
    pub(super) note: Option<String>,
}

/// An entry of a directory.
pub(super) struct DirectoryEntry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) is_directory: bool,
}

/// Lists a directory, sorted by name, without hidden entries and the program's own output. Links are followed; a
/// dangling link is not a directory, and if it is named like an image, it counts as an image that cannot be read.
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
        if is_directory && own_output::is_own_output(&path) {
            continue;
        }
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
