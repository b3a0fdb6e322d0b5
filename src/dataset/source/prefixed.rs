//! One folder of pictures whose names begin with their class: `cat_0012.jpg`.

use super::NAMED;
use super::files::{Found, entries, is_picture};
use crate::base::{Error, Result};
use std::path::Path;

/// Lists a folder of pictures named by class; folders inside it are ignored.
///
/// # Errors
/// The folder cannot be read, or a picture's name has no class.
pub(super) fn list(root: &Path) -> Result<Found> {
    let mut found = Found::default();
    let mut nameless = Vec::new();
    let mut folders = 0;
    for entry in entries(root)? {
        if entry.is_folder || !is_picture(&entry.name) {
            found.ignored += 1;
            folders += usize::from(entry.is_folder);
            continue;
        }
        match entry.name.split_once('_') {
            Some((class, _)) if !class.is_empty() => {
                found.pictures.push((class.to_owned(), entry.name.clone(), entry.path));
            }
            _ => nameless.push(entry.name),
        }
    }
    if !nameless.is_empty() {
        let named = nameless.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::stage(format!("{} pictures have no class in their name: {named}", nameless.len()))
            .at(root.display().to_string())
            .help("the class is the file name before the first `_`, as in cat_0012.jpg"));
    }
    if found.pictures.is_empty() && folders > 0 {
        return Err(Error::stage("there are no pictures, only folders")
            .at(root.display().to_string())
            .help("for a folder per class use `folder` instead of `prefixed`"));
    }
    found.classes = found.pictures.iter().map(|(class, ..)| class.clone()).collect();
    Ok(found)
}
