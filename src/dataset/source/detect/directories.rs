//! Recognizes directories of images: one per class, classes in file names, no classes, and parts of a data set.

use super::file_names::{ClassEnd, class_end};
use super::{DetectedSource, refused, table};
use crate::base::text::visible;
use crate::base::{Result, files};
use crate::dataset::source::MAX_NAMED;
use crate::dataset::source::directories::{DirectoryEntry, entries, is_image, list_unlabeled};
use crate::dataset::source::layout::Layout;
use std::path::{Path, PathBuf};

/// Recognizes a directory.
///
/// # Errors
/// It cannot be read, or it has no images or an unclear mixture, with what to do.
pub(super) fn detect(root: &Path) -> Result<DetectedSource> {
    let layout = Layout { train: root.to_owned(), ..Layout::default() }.resolve()?;
    let content = Content::read(&layout.train)?;
    let passed_over = others(root)?;
    if content.directories.is_empty() && content.images.is_empty() {
        if let Some(found) = table::detect_inside(root)? {
            return Ok(found);
        }
        let what = match passed_over.as_slice() {
            [] => "there are no images".to_owned(),
            names => format!("there are no images, only {}", named(names)),
        };
        return Err(refused(root, what, "pass the directory of your images: JPEG, PNG or WebP"));
    }
    if let Some(found) = table::detect_inside(root)? {
        return Ok(found);
    }
    let found = match (content.directories.as_slice(), content.images.as_slice()) {
        (directories, []) => by_directory(root, &layout, directories)?,
        ([], images) => by_file_name(&layout, images),
        (directories, images) => return Err(mixed(&layout.train, directories, images)),
    };
    Ok(DetectedSource { passed_over, ..found })
}

/// What a directory has besides files that are not images.
struct Content {
    /// Directories with the number of images at any depth.
    directories: Vec<(String, usize)>,
    images: Vec<String>,
}

impl Content {
    fn read(root: &Path) -> Result<Self> {
        let (mut directories, mut images) = (Vec::new(), Vec::new());
        for DirectoryEntry { name, path, is_directory } in entries(root)? {
            if is_directory {
                directories.push((name, list_unlabeled(&path)?.images.len()));
            } else if is_image(&name) {
                images.push(name);
            }
        }
        if directories.iter().all(|(_, images)| *images == 0) && !images.is_empty() {
            directories.clear();
        }
        Ok(Self { directories, images })
    }
}

fn by_directory(root: &Path, layout: &Layout, directories: &[(String, usize)]) -> Result<DetectedSource> {
    let empty: Vec<String> = directories.iter().filter(|(_, images)| *images == 0).map(|(name, _)| name.clone()).collect();
    if empty.len() == directories.len() {
        let help = "pass the directory of your images: JPEG, PNG or WebP";
        return Err(refused(root, "there are no images", help));
    }
    if !empty.is_empty() {
        let what = format!("there are no images in {}", named(&empty));
        return Err(refused(&layout.train, what, "move it elsewhere, or add images of this class"));
    }
    if let [(only, _)] = directories {
        let inner = layout.train.join(only);
        let what = format!("there is only one class, `{}`", visible(only));
        let help = format!(
            "add a directory with images of another class; to learn without labels, pass --data {}",
            visible(&inner.display().to_string())
        );
        return Err(refused(&layout.train, what, help));
    }
    if directories.iter().all(|(_, images)| *images < 2) {
        return Ok(unlabeled(layout, "images without classes: there are fewer than two in every directory"));
    }
    Ok(with_parts(DetectedSource::new("image_folder", "one directory per class"), layout))
}

fn by_file_name(layout: &Layout, images: &[String]) -> DetectedSource {
    let names: Vec<&str> = images.iter().map(String::as_str).collect();
    let prefixed = |what: &str| with_parts(DetectedSource::new("filename_prefix", what), layout);
    match class_end(&names) {
        Some(ClassEnd::First) => prefixed("classes in file names, before the first `_`"),
        Some(ClassEnd::Last) => prefixed("classes in file names, before the last `_`").text("separator_at", "last"),
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

fn mixed(root: &Path, directories: &[(String, usize)], images: &[String]) -> crate::base::Error {
    let directories: Vec<String> = directories.iter().map(|(name, _)| name.clone()).collect();
    let what = format!(
        "{} beside the directories {}: {}",
        crate::base::human::count(images.len(), "image"),
        named(&directories),
        named(images)
    );
    let help = "move each image into the directory of its class; to learn without labels, move all of them into one \
                directory";
    refused(root, what, help)
}

/// Returns the names of files in a directory that are not images, and of directories that are passed over.
fn others(root: &Path) -> Result<Vec<String>> {
    let listed: Vec<PathBuf> = entries(root)?.into_iter().map(|entry| entry.path).collect();
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let all = files::entries(root).map_err(|error| crate::base::Error::io("read the directory", root, &error))?;
    let is_other = |path: &PathBuf| !listed.contains(path) || (!path.is_dir() && !is_image(&name(path)));
    let mut others: Vec<String> = all.iter().filter(|path| is_other(path)).map(name).collect();
    others.sort_unstable();
    Ok(others)
}

/// Formats the first of these names.
pub(super) fn named(names: &[String]) -> String {
    let mut text: Vec<String> = names.iter().take(MAX_NAMED).map(|name| format!("`{}`", visible(name))).collect();
    if names.len() > MAX_NAMED {
        text.push(format!("{} more", names.len() - MAX_NAMED));
    }
    text.join(", ")
}
