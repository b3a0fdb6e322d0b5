//! The directories of a data set: given one by one, or found by their names inside one directory.

use super::entries::Root;
use crate::base::Result;
use crate::base::text::visible;
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use std::path::PathBuf;

/// Names of directories of training images.
const TRAIN: [&str; 2] = ["train", "training"];
/// Names of directories of validation images.
const VALIDATION: [&str; 4] = ["val", "valid", "validation", "dev"];
/// Names of directories of test images.
const TEST: [&str; 2] = ["test", "testing"];
/// Names of directories of images without labels.
const UNLABELED: [&str; 2] = ["unlabeled", "unlabelled"];

/// The directories of a data set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) train: PathBuf,
    pub(super) validation: Option<PathBuf>,
    pub(super) test: Option<PathBuf>,
    pub(super) unlabeled: Option<PathBuf>,
    /// Names of directories beside those that were found, which are not used.
    pub(super) unused: Vec<String>,
    /// What else is beside them; nothing if they were given one by one.
    pub(super) passed_over: PassedOver,
}

impl Layout {
    /// Returns the layout inside its `train` directory, if that contains directories of splits; else the layout itself. A
    /// validation directory without a test directory is the test directory, as that of ImageNet. What is given is kept.
    /// Returns also what the directory of the training images has.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(super) fn resolve(self) -> Result<(Self, Root)> {
        let root = Root::read(&self.train)?;
        let Some(mut found) = inside(&root) else { return Ok((self, root)) };
        if self.validation.is_none() && self.test.is_none() && found.test.is_none() {
            found.test = found.validation.take();
        }
        let root = Root::read(&found.train)?;
        let layout = Self {
            validation: self.validation.or(found.validation),
            test: self.test.or(found.test),
            unlabeled: self.unlabeled.or(found.unlabeled),
            ..found
        };
        Ok((layout, root))
    }

    /// Returns a note on directories that are not used.
    pub(super) fn note(&self) -> Option<String> {
        let names: Vec<String> = self.unused.iter().map(|name| format!("`{}`", visible(name))).collect();
        let train = self.train.file_name().unwrap_or_default().to_string_lossy();
        (!names.is_empty()).then(|| {
            format!(
                "not used, because they are beside the directory `{}` of a split: {}",
                visible(&train),
                names.join(", ")
            )
        })
    }
}

/// Returns whether this is a name of a directory of training, validation or test images.
pub(super) fn is_split_name(name: &str) -> bool {
    part_named(name).is_some_and(|part| part != Part::Unlabeled)
}

/// Returns the part of images that a name stands for.
pub(super) fn part_named(name: &str) -> Option<Part> {
    let name = name.to_lowercase();
    let names: [(&[&str], Part); 4] =
        [(&TRAIN, Part::Training), (&VALIDATION, Part::Validation), (&TEST, Part::Test), (&UNLABELED, Part::Unlabeled)];
    names.into_iter().find(|(names, _)| names.contains(&name.as_str())).map(|(_, part)| part)
}

/// Returns the layout of directories inside a directory; `None` if they are not splits but, for example, classes: there
/// are images beside them, none is of training images or none of others, or two are for the same part.
fn inside(root: &Root) -> Option<Layout> {
    let (mut found, mut unused) = ([const { None::<PathBuf> }; 4], Vec::new());
    for entry in &root.entries {
        if !entry.is_directory {
            return None;
        }
        match part_named(&entry.name).and_then(|part| found.get_mut(part as usize)) {
            Some(place @ None) => *place = Some(entry.path.clone()),
            Some(_) => return None,
            None => unused.push(entry.name.clone()),
        }
    }
    let [train, validation, test, unlabeled] = found;
    let has_splits = validation.is_some() || test.is_some();
    // `train` and `unlabeled` may be classes if there are others.
    let is_layout = has_splits || unlabeled.is_some() && unused.is_empty();
    let passed_over = root.passed_over.clone();
    train.filter(|_| is_layout).map(|train| Layout { train, validation, test, unlabeled, unused, passed_over })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(names: &[&str]) -> Layout {
        let root = tempfile::tempdir().unwrap();
        names.iter().for_each(|name| std::fs::create_dir_all(root.path().join(name)).unwrap());
        let layout = Layout { train: root.path().to_owned(), ..Layout::default() }.resolve().unwrap().0;
        let relative = |path: PathBuf| path.strip_prefix(root.path()).unwrap().to_owned();
        Layout {
            train: relative(layout.train),
            validation: layout.validation.map(relative),
            test: layout.test.map(relative),
            unlabeled: layout.unlabeled.map(relative),
            ..layout
        }
    }

    #[test]
    fn splits_are_found_by_their_names_and_classes_are_not_splits() {
        let of = |path: &str| Some(PathBuf::from(path));
        let layout = resolved(&["Train", "valid", "test", "unlabeled"]);
        assert_eq!(
            (layout.train, layout.validation, layout.test, layout.unlabeled),
            ("Train".into(), of("valid"), of("test"), of("unlabeled"))
        );
        let layout = resolved(&["train", "val"]);
        assert_eq!((layout.validation, layout.test), (None, of("val")));
        let layout = resolved(&["outputs", "test", "train"]);
        assert_eq!(
            (layout.train, layout.test, layout.unused),
            ("train".into(), of("test"), vec!["outputs".to_owned()])
        );
        for classes in [&["train", "bus"][..], &["train"], &["val", "test"], &["train", "unlabeled", "bus"], &[]] {
            assert_eq!(resolved(classes), Layout::default(), "{classes:?}");
        }
        assert_eq!(resolved(&["train", "val", "validation", "test"]), Layout::default());
    }
}
