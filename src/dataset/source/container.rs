//! Images inside container files, as an index of the files lists them.

use super::MAX_NAMED;
use super::listing::{ImageReader, Images, Labels, Listing};
use super::problem::check_label;
use super::shards::Shards;
use crate::base::text::visible;
use crate::base::{Error, Result, files};
use crate::dataset::names::{Interner, Names};
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

/// What the indexes of files say of their images.
#[derive(Default)]
pub(super) struct IndexedImages {
    names: Names,
    parts: Vec<Part>,
    /// Labels as they are written.
    labels: Interner,
    /// Number of the label of each image; `None` for an image without a label.
    of_images: Vec<Option<u32>>,
}

impl IndexedImages {
    /// Adds an image with its name inside the source.
    pub(super) fn push(&mut self, name: &str, part: Part, label: Option<&str>) {
        self.names.push(name);
        self.parts.push(part);
        self.of_images.push(label.map(|label| self.labels.number(label)));
    }
}

/// The names of classes, if labels are numbers that stand for them.
#[derive(Serialize)]
pub(super) struct ClassNames(Option<Vec<String>>);

impl ClassNames {
    /// Creates the names; without any, labels are names.
    pub(super) fn new(names: Option<Vec<String>>) -> Self {
        Self(names)
    }

    /// Reads the names from a file with one per line.
    ///
    /// # Errors
    /// The file cannot be read, has fewer than two names, or a name is not valid or not the only one of its kind.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = files::read_text(path)?;
        let names: Vec<String> =
            text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let help = "the file must have the name of each class in a line of its own, in the order of the labels";
        check_names(&names).map_err(|problem| Error::stage(problem).at(path.display().to_string()).help(help))?;
        Ok(Self(Some(names)))
    }

    /// Checks a label, and returns the name of its class.
    ///
    /// # Errors
    /// What is wrong, as a clause.
    pub(super) fn class(&self, label: &str) -> Result<String, String> {
        let Some(names) = &self.0 else {
            return check_label(label).map_err(|problem| format!("the label {problem}")).map(|()| label.to_owned());
        };
        let name = label.parse().ok().and_then(|index: usize| names.get(index));
        name.cloned().ok_or_else(|| {
            let (label, last) = (visible(label), names.len() - 1);
            format!("the label is `{label}`, but those of {} classes are 0 to {last}", names.len())
        })
    }
}

/// Checks that names are at least two, valid and distinct.
pub(super) fn check_names(names: &[String]) -> Result<(), String> {
    let mut first = HashMap::new();
    for (index, name) in names.iter().enumerate() {
        check_label(name).map_err(|problem| format!("the name of class {index} {problem}"))?;
        if let Some(other) = first.insert(name, index) {
            return Err(format!("classes {other} and {index} have the same name, `{}`", visible(name)));
        }
    }
    if names.len() < 2 { Err("expected the names of at least two classes".to_owned()) } else { Ok(()) }
}

/// Creates the listing of images, whose labels are the names of their classes. Files of names are label files.
pub(super) fn listing(
    images: IndexedImages,
    reader: Box<dyn ImageReader>,
    passed_over: PassedOver,
    shards: &Shards<'_>,
) -> Listing {
    let IndexedImages { names, parts, labels, of_images } = images;
    let mut classes: Vec<String> = labels.texts().iter().map(|label| label.as_ref().to_owned()).collect();
    classes.sort_unstable_by(|a, b| number_of(a).cmp(&number_of(b)).then_with(|| a.cmp(b)));
    let index: HashMap<&str, usize> = classes.iter().enumerate().map(|(index, name)| (name.as_str(), index)).collect();
    let classes_of_labels: Vec<usize> = labels.texts().iter().map(|label| index[label.as_ref()]).collect();
    let label = |label: Option<u32>| label.map_or(0, |label| classes_of_labels[label as usize]);
    let of_images = of_images.into_iter().map(label).collect();
    if classes.is_empty() {
        classes.push(String::new());
    }
    Listing {
        images: Images { names, reader, passed_over },
        labels: Labels { classes, of_images, files: shards.class_names.map(Path::to_owned).into_iter().collect() },
        parts,
        test_fraction: shards.held_out(),
        groups: None,
        notes: Vec::new(),
    }
}

/// Returns the number that a name is: numbers come first, by value.
fn number_of(name: &str) -> u64 {
    name.parse().unwrap_or(u64::MAX)
}

/// Returns the error for problems of a file, each with its place inside the file.
pub(super) fn invalid(path: &Path, problems: &[(String, String)], help: &str) -> Error {
    if let [(place, problem)] = problems {
        return Error::stage(problem).at(format!("{}: {}", path.display(), visible(place))).help(help);
    }
    let mut message = format!("{} images are not valid:", problems.len());
    for (place, problem) in problems.iter().take(MAX_NAMED) {
        // Writing to a string cannot fail.
        let _ = write!(message, "\n    {}: {problem}", visible(place));
    }
    if problems.len() > MAX_NAMED {
        let _ = write!(message, "\n    and {} more", problems.len() - MAX_NAMED);
    }
    Error::stage(message).at(path.display().to_string()).help(help)
}

/// Returns the name of a file without its directory.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_or_stand_for_names() {
        let names = |count: usize| (0..count).map(|index| format!("class {index}")).collect::<Vec<_>>();
        let classes = ClassNames::new(Some(names(3)));
        assert_eq!(classes.class("2"), Ok("class 2".to_owned()));
        for label in ["3", "-1", "", "class 2", "99999999999999999999"] {
            assert!(classes.class(label).unwrap_err().contains("those of 3 classes are 0 to 2"), "{label}");
        }
        let classes = ClassNames::new(None);
        assert_eq!(classes.class("7"), Ok("7".to_owned()));
        assert!(classes.class("a\u{7}").is_err() && classes.class("").is_err());
        assert!(check_names(&names(1)).is_err() && check_names(&names(2)).is_ok());
        assert!(check_names(&[names(2), names(1)].concat()).unwrap_err().contains("classes 0 and 2"));
    }
}
