//! One directory per class, with images in it or in its subdirectories.

use super::listing::{DirectoryListing, entries, is_image};
use crate::base::{Error, Result};
use std::path::{Path, PathBuf};

/// Lists a directory of class directories.
///
/// # Errors
/// A directory cannot be read, links form a cycle, or there are images next to the class directories.
pub(super) fn list(root: &Path) -> Result<DirectoryListing> {
    let mut found = DirectoryListing::default();
    let mut loose = 0;
    for entry in entries(root)? {
        if entry.is_directory {
            let mut above = vec![canonical(root)?];
            walk(&entry.path, &entry.name, &entry.name, &mut above, &mut found)?;
            found.classes.push(entry.name);
        } else if is_image(&entry.name) {
            loose += 1;
        } else {
            found.ignored += 1;
        }
    }
    if loose > 0 {
        return Err(Error::stage(format!("{loose} images are next to the class directories instead of inside them"))
            .at(root.display().to_string())
            .help(
                "move each into the directory of its class, or use `prefixed` if file names begin with the class and `_`",
            ));
    }
    Ok(found)
}

/// Adds the images of a directory and its subdirectories; `above` is the stack of parent directories.
fn walk(
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
        let name = format!("{name}/{}", entry.name);
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

fn canonical(directory: &Path) -> Result<PathBuf> {
    directory.canonicalize().map_err(|error| Error::io("read the directory", directory, &error))
}
