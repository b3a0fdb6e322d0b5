//! A single directory of images whose names begin with their class: `cat_0012.jpg`.

use super::MAX_NAMED;
use super::listing::{DirectoryListing, entries, is_image};
use crate::base::{Error, Result};
use std::path::Path;

/// Lists a directory of images named by class; subdirectories are ignored.
///
/// # Errors
/// The directory cannot be read, or an image's name has no class.
pub(super) fn list(root: &Path) -> Result<DirectoryListing> {
    let mut found = DirectoryListing::default();
    let mut without_class = Vec::new();
    let mut directories = 0;
    for entry in entries(root)? {
        if entry.is_directory || !is_image(&entry.name) {
            found.ignored += 1;
            directories += usize::from(entry.is_directory);
            continue;
        }
        match entry.name.split_once('_') {
            Some((class, _)) if !class.is_empty() => {
                found.images.push((class.to_owned(), entry.name.clone(), entry.path));
            }
            _ => without_class.push(entry.name),
        }
    }
    if !without_class.is_empty() {
        let named = without_class.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::stage(format!("{} images have no class in their name: {named}", without_class.len()))
            .at(root.display().to_string())
            .help("the class is the file name before the first `_`, as in cat_0012.jpg"));
    }
    if found.images.is_empty() && directories > 0 {
        return Err(Error::stage("there are no images, only directories")
            .at(root.display().to_string())
            .help("for one directory per class, use `image_folder` instead of `prefixed`"));
    }
    found.classes = found.images.iter().map(|(class, ..)| class.clone()).collect();
    Ok(found)
}
