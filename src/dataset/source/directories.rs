//! Image files in a directory for each part.

use super::Listing;
use super::entries::{DirectoryEntry, Root, entries};
use super::found_images::{FoundImage, FoundImages};
use super::layout::Layout;
use super::pattern::Pattern;
use super::problem::{SourceProblem, check_group, check_path, check_test_fraction};
use crate::base::text::visible;
use crate::base::{Error, Result, files};
use crate::dataset::names::{Interner, Names, Paths};
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

    /// Returns the directories, with those that are found inside `train`, and what that of the training images has.
    ///
    /// # Errors
    /// `train` cannot be read.
    pub(super) fn layout(&self) -> Result<(Layout, Root)> {
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
        (layout, training): (Layout, Root),
        has_labels: bool,
        list: &dyn Fn(Root) -> Result<DirectoryListing>,
    ) -> Result<Listing> {
        let (mut found, mut classes, mut notes) = (FoundImages::default(), Vec::new(), Vec::new());
        let mut passed_over = layout.passed_over.clone();
        let others =
            [(Part::Validation, &layout.validation), (Part::Test, &layout.test), (Part::Unlabeled, &layout.unlabeled)];
        let others = others.into_iter().filter_map(|(part, directory)| Some((part, Root::read(directory.as_ref()?))));
        for (part, root) in std::iter::once((Part::Training, Ok(training))).chain(others) {
            let is_labeled = has_labels && part != Part::Unlabeled;
            let listed = if is_labeled { list(root?)? } else { list_unlabeled(root?)? };
            for (class, name, path) in listed.images.iter() {
                let group = self.group_pattern.map(|pattern| group(pattern, &name, &path)).transpose()?;
                let class = is_labeled.then_some(class);
                found.push(FoundImage { name: &name, path: &path, class, part, group });
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

/// Returns the group of an image. A directory that cannot be read, which counts as a broken file, is its own group.
fn group<'a>(pattern: &Pattern, name: &'a str, path: &Path) -> Result<&'a str> {
    pattern.group("group", name).or_else(|| path.is_dir().then_some(name)).ok_or_else(|| {
        Error::stage(format!("`group_pattern` finds no group in `{}`", visible(name)))
            .at(path.display().to_string())
            .help(format!("the pattern is {}; change it so that it matches every name", visible(pattern.as_str())))
    })
}

/// Lists the images of a directory and its subdirectories, without classes.
///
/// # Errors
/// A directory cannot be read, or links form a cycle.
pub(super) fn list_unlabeled(Root { path, entries, passed_over }: Root) -> Result<DirectoryListing> {
    let mut found = DirectoryListing { passed_over, ..DirectoryListing::default() };
    add(entries, "", "", &mut vec![canonical(&path)?], &mut found)?;
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
            found.images.push(class, name, directory);
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
            found.images.push(class, &name, &entry.path);
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
    /// Its images.
    pub(super) images: ClassImages,
    /// What is not used.
    pub(super) passed_over: PassedOver,
    /// Why the classes may not be what the user expects.
    pub(super) note: Option<String>,
}

/// Images of a directory with their classes.
#[derive(Default)]
pub(super) struct ClassImages {
    classes: Interner,
    /// Number of the class of each image.
    of_images: Vec<u32>,
    /// Names inside the directory.
    names: Names,
    paths: Paths,
}

impl ClassImages {
    /// Adds an image.
    pub(super) fn push(&mut self, class: &str, name: &str, path: &Path) {
        self.of_images.push(self.classes.number(class));
        self.names.push(name);
        self.paths.push(path);
    }

    /// Returns the number of images.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns the classes that have images.
    pub(super) fn classes(&self) -> Vec<String> {
        self.classes.texts().iter().map(|class| class.as_ref().to_owned()).collect()
    }

    /// Returns (class, name inside the directory, path) of each image.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, String, PathBuf)> {
        let class = |number: &u32| self.classes.texts()[*number as usize].as_ref();
        self.of_images.iter().map(class).zip(self.names.iter()).zip(self.paths.iter()).map(|((a, b), c)| (a, b, c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_cannot_be_read_is_its_own_group() {
        let root = tempfile::tempdir().unwrap();
        let pattern: Pattern = serde_json::from_value("(?<group>p\\d+)_".into()).unwrap();
        assert_eq!(group(&pattern, "sick/p12_3.png", &root.path().join("p12_3.png")).unwrap(), "p12");
        assert_eq!(group(&pattern, "sick/private", root.path()).unwrap(), "sick/private");
        assert!(group(&pattern, "sick/3.png", &root.path().join("3.png")).is_err());
    }
}
