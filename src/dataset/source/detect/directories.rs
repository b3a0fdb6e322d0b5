//! Recognizes directories of images: one per class, classes in file names, no classes, and parts of a data set.

use super::file_names::{ClassEnd, class_end};
use super::table::{self, LabelColumn};
use super::{DetectedSource, own_results, refused, shards};
use crate::base::text::visible;
use crate::base::{Error, Result, files, human, own_output};
use crate::dataset::source::MAX_NAMED;
use crate::dataset::source::directories::list_unlabeled;
use crate::dataset::source::entries::{DirectoryEntry, Root};
use crate::dataset::source::layout::{Layout, is_split_name};
use std::path::{Path, PathBuf};

/// What to do without classes.
const UNLABELED: &str = "to learn without labels, add --unlabeled";

/// Recognizes a directory. Without `has_labels`, classes are not looked for.
///
/// # Errors
/// It cannot be read, or it has no images or an unclear mixture, with what to do.
pub(super) fn detect(root: &Path, has_labels: bool) -> Result<DetectedSource> {
    let (layout, training) = Layout { train: root.to_owned(), ..Layout::default() }.resolve()?;
    let content = Content::of(training)?;
    let passed_over = [layout.unused.clone(), others(root)?].concat();
    let table = table::detect_inside(root, has_labels)?.filter(|table| match table.label {
        LabelColumn::Named => true,
        LabelColumn::Guessed => !content.has_classes(),
        LabelColumn::Missing => !content.has_classes() && content.images.is_empty(),
    });
    if let Some(table) = table {
        return Ok(table.source);
    }
    if content.is_empty() {
        return shards::detect(root, has_labels)?.ok_or_else(|| no_images(root, &passed_over));
    }
    let found = match (content.directories.as_slice(), content.images.as_slice()) {
        _ if !has_labels => unlabeled(&layout, "images without labels"),
        (directories, []) => by_directory(&layout, directories)?,
        ([], images) => by_file_name(&layout, images),
        (directories, images) => return Err(mixed(&layout.train, directories, images)),
    };
    Ok(DetectedSource { passed_over, ..found })
}

fn no_images(root: &Path, passed_over: &[String]) -> Error {
    if own_output::is_own_output(root) {
        return own_results(root);
    }
    let what = match passed_over {
        [] => "there are no images".to_owned(),
        names => format!("there are no images, only {}", named(names)),
    };
    refused(root, what, "pass the directory of your images: JPEG, PNG, WebP, GIF, BMP or TIFF")
}

/// What a directory has besides files that are not images.
struct Content {
    /// Directories with the number of images at any depth.
    directories: Vec<(String, usize)>,
    images: Vec<String>,
}

impl Content {
    fn of(root: Root) -> Result<Self> {
        let (mut directories, mut images) = (Vec::new(), Vec::new());
        for DirectoryEntry { name, path, is_directory } in root.entries {
            if is_directory {
                directories.push((name, list_unlabeled(Root::read(&path)?)?.images.len()));
            } else {
                images.push(name);
            }
        }
        if directories.iter().all(|(_, images)| *images == 0) && !images.is_empty() {
            directories.clear();
        }
        Ok(Self { directories, images })
    }

    /// Returns whether there are at least two directories with images.
    fn has_classes(&self) -> bool {
        self.directories.iter().filter(|(_, images)| *images > 0).count() > 1
    }

    fn is_empty(&self) -> bool {
        self.images.is_empty() && self.directories.iter().all(|(_, images)| *images == 0)
    }
}

/// Images that are in directories and not beside them.
fn by_directory(layout: &Layout, directories: &[(String, usize)]) -> Result<DetectedSource> {
    let names = |keep: fn(&str, usize) -> bool| -> Vec<String> {
        let kept = directories.iter().filter(|(name, images)| keep(name, *images));
        kept.map(|(name, _)| name.clone()).collect()
    };
    let empty = names(|_, images| images == 0);
    if !empty.is_empty() {
        let what = format!("there are no images in {}", named(&empty));
        return Err(refused(&layout.train, what, "move it elsewhere, or add images of this class"));
    }
    if let [(only, _)] = directories {
        let what = format!("there is only one class, `{}`", visible(only));
        let help = format!("add a directory with images of another class; {UNLABELED}");
        return Err(refused(&layout.train, what, help));
    }
    if names(|name, _| !is_split_name(name)).is_empty() {
        let what = format!(
            "{} are parts of a data set and not classes, and there are no training images",
            named(&names(|_, _| true))
        );
        let help = format!("rename the directory with the training images to `train`; {UNLABELED}");
        return Err(refused(&layout.train, what, help));
    }
    if directories.iter().all(|(_, images)| *images < 2) {
        return Ok(unlabeled(layout, "images without classes: every directory has only one"));
    }
    Ok(with_parts(DetectedSource::new("image_folder", "one directory per class"), layout))
}

fn by_file_name(layout: &Layout, images: &[String]) -> DetectedSource {
    let names: Vec<&str> = images.iter().map(String::as_str).collect();
    let prefixed = |what: &str| with_parts(DetectedSource::new("filename_prefix", what), layout);
    match class_end(&names) {
        Some(ClassEnd::First) => prefixed("classes in file names, before the first `_`"),
        Some(ClassEnd::Last) => prefixed("classes in file names, before the last `_`").value("separator_at", "last"),
        None => unlabeled(layout, "images without classes"),
    }
}

fn with_parts(found: DetectedSource, layout: &Layout) -> DetectedSource {
    found
        .path("train", &layout.train)
        .maybe_path("validation", layout.validation.clone())
        .maybe_path("test", layout.test.clone())
        .maybe_path("unlabeled", layout.unlabeled.clone())
}

/// Without labels nothing is tested, so the other parts are not needed.
fn unlabeled(layout: &Layout, what: &str) -> DetectedSource {
    let found = DetectedSource::new("image_folder", what).path("train", &layout.train);
    found.maybe_path("unlabeled", layout.unlabeled.clone()).unlabeled()
}

fn mixed(root: &Path, directories: &[(String, usize)], images: &[String]) -> Error {
    let directories: Vec<String> = directories.iter().map(|(name, _)| name.clone()).collect();
    let beside = human::count(images.len(), "image");
    let what = format!("{beside} beside the directories {}: {}", named(&directories), named(images));
    refused(root, what, format!("move each image into the directory of its class; {UNLABELED}"))
}

/// Returns the names of what a directory has besides images and their directories, without hidden files.
fn others(root: &Path) -> Result<Vec<String>> {
    let listed: Vec<PathBuf> = Root::read(root)?.entries.into_iter().map(|entry| entry.path).collect();
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let all = files::entries(root).map_err(|error| Error::io("read the directory", root, &error))?;
    let is_other = |path: &PathBuf| !name(path).starts_with('.') && !listed.contains(path);
    let mut others: Vec<String> = all.iter().filter(|path| is_other(path)).map(name).collect();
    others.sort_unstable();
    Ok(others)
}

/// Formats the first of these names.
pub(crate) fn named(names: &[String]) -> String {
    let mut text: Vec<String> = names.iter().take(MAX_NAMED).map(|name| format!("`{}`", visible(name))).collect();
    if names.len() > MAX_NAMED {
        text.push(format!("{} more", names.len() - MAX_NAMED));
    }
    text.join(", ")
}
