//! Image files in a directory for each part.

use super::entries::{DirectoryEntry, entries, root_entries};
use super::layout::Layout;
use super::listing::{FoundImage, Listing};
use super::pattern::Pattern;
use super::problem::{SourceProblem, check_group, check_path, check_test_fraction};
use crate::base::text::visible;
use crate::base::{Error, Result, files};
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use std::path::{Path, PathBuf};

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
            ..Layout::default()
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
        let (mut found, mut classes, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let mut passed_over = layout.passed_over.clone();
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
            passed_over.extend(listed.passed_over);
            classes.extend(listed.classes);
            notes.extend(listed.note);
        }
        notes.truncate(1);
        notes.extend(layout.note());
        let test_fraction = (has_labels && layout.test.is_none()).then_some(self.test_fraction);
        Ok(Listing { notes, ..Listing::of_files(found, classes, passed_over, test_fraction) })
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
/// The directory cannot be read, or links form a cycle.
pub(super) fn list_unlabeled(root: &Path) -> Result<DirectoryListing> {
    let mut found = DirectoryListing::default();
    let entries = root_entries(root, &mut found.passed_over)?;
    add(entries, "", "", &mut vec![canonical(root)?], &mut found)?;
    Ok(found)
}

/// Adds the images of a directory and its subdirectories, under `class`; `above` is the stack of parent directories,
/// `name` the name of the directory inside the source. A directory that cannot be read counts as a broken file.
///
/// # Errors
/// Links form a cycle, or the machine failed to read a directory.
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
    let entries = match entries(directory, &mut found.passed_over) {
        Ok(entries) => entries,
        Err(error) if files::is_permanent(&error) => {
            found.images.push((class.to_owned(), name.to_owned(), directory.to_owned()));
            return Ok(());
        }
        Err(error) => return Err(Error::io("read the directory", directory, &error)),
    };
    above.push(here);
    add(entries, class, name, above, found)?;
    above.pop();
    Ok(())
}

/// Adds entries of a directory as [`walk`] does; the name of the directory of the source is empty.
fn add(
    entries: Vec<DirectoryEntry>,
    class: &str,
    directory: &str,
    above: &mut Vec<PathBuf>,
    found: &mut DirectoryListing,
) -> Result<()> {
    for entry in entries {
        let name = if directory.is_empty() { entry.name } else { format!("{directory}/{}", entry.name) };
        if entry.is_directory {
            walk(&entry.path, class, &name, above, found)?;
        } else {
            found.images.push((class.to_owned(), name, entry.path));
        }
    }
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
    /// What is not used.
    pub(super) passed_over: PassedOver,
    /// Why the classes may not be what the user expects.
    pub(super) note: Option<String>,
}
