//! A folder for each class, with pictures in it or in folders below it.

use super::files::{Found, entries, is_picture};
use crate::base::{Error, Result};
use std::path::{Path, PathBuf};

/// Lists a folder of class folders.
///
/// # Errors
/// A folder cannot be read, links go in a circle, or pictures lie where class folders should.
pub(super) fn list(root: &Path) -> Result<Found> {
    let mut found = Found::default();
    let mut loose = 0;
    for entry in entries(root)? {
        if entry.is_folder {
            let mut above = vec![canonical(root)?];
            walk(&entry.path, &entry.name, &entry.name, &mut above, &mut found)?;
            found.classes.push(entry.name);
        } else if is_picture(&entry.name) {
            loose += 1;
        } else {
            found.ignored += 1;
        }
    }
    if loose > 0 {
        return Err(Error::stage(format!("{loose} pictures lie beside the class folders"))
            .at(root.display().to_string())
            .help(
                "put each into the folder of its class, or use `prefixed` if file names begin with the class and `_`",
            ));
    }
    Ok(found)
}

/// Adds the pictures of a folder and those below it; `above` holds the folders on the way down.
fn walk(folder: &Path, class: &str, name: &str, above: &mut Vec<PathBuf>, found: &mut Found) -> Result<()> {
    let here = canonical(folder)?;
    if above.contains(&here) {
        return Err(Error::stage("links between folders go in a circle")
            .at(folder.display().to_string())
            .help("remove the link that leads back to a folder above it"));
    }
    above.push(here);
    for entry in entries(folder)? {
        let name = format!("{name}/{}", entry.name);
        if entry.is_folder {
            walk(&entry.path, class, &name, above, found)?;
        } else if is_picture(&entry.name) {
            found.pictures.push((class.to_owned(), name, entry.path));
        } else {
            found.ignored += 1;
        }
    }
    above.pop();
    Ok(())
}

fn canonical(folder: &Path) -> Result<PathBuf> {
    folder.canonicalize().map_err(|error| Error::io("read the folder", folder, &error))
}
