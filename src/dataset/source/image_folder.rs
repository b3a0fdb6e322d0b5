//! A directory for each class, with images in it or in directories below it.

use super::files::{Found, entries, is_image};
use crate::base::{Error, Result};
use std::path::{Path, PathBuf};

/// Lists a directory of class directories.
///
/// # Errors
/// A directory cannot be read, links go in a circle, or images lie where class directories should.
pub(super) fn list(root: &Path) -> Result<Found> {
    let mut found = Found::default();
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
        return Err(Error::stage(format!("{loose} images lie beside the class directories"))
            .at(root.display().to_string())
            .help(
                "put each into the directory of its class, or use `prefixed` if file names begin with the class and `_`",
            ));
    }
    Ok(found)
}

/// Adds the images of a directory and those below it; `above` holds the directories on the way down.
fn walk(directory: &Path, class: &str, name: &str, above: &mut Vec<PathBuf>, found: &mut Found) -> Result<()> {
    let here = canonical(directory)?;
    if above.contains(&here) {
        return Err(Error::stage("links between directories go in a circle")
            .at(directory.display().to_string())
            .help("remove the link that leads back to a directory above it"));
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
