//! Duplicates among the files of a source, found by their digests before anything is decoded.

use crate::base::{Error, Result};
use crate::dataset::config::{DatasetConfig, OnDuplicates};
use crate::dataset::duplicates::{DuplicateNames, Overlaps};
use crate::dataset::{ClassSize, Fingerprint, ImageId, Part, TrainingImage};
use std::collections::{HashMap, HashSet};

/// Describes images that are also in another part and images of two classes; empty for sources without a file per image.
///
/// # Errors
/// There are any, and the table of the data set makes that an error.
pub(crate) fn warnings(config: &DatasetConfig, fingerprint: &Fingerprint) -> Result<Vec<String>> {
    if config.duplicates == OnDuplicates::Ignore {
        return Ok(Vec::new());
    }
    let images = |count: fn(&ClassSize) -> usize| fingerprint.classes.iter().map(count).sum();
    let found = overlaps(fingerprint).describe(images(|class| class.test), images(|class| class.validation));
    match found.first() {
        Some(first) if config.duplicates == OnDuplicates::Error => Err(error(first)),
        _ => Ok(found),
    }
}

/// The error of a data set with duplicates that are not allowed.
pub(crate) fn error(description: &str) -> Error {
    Error::stage(description.to_owned())
        .help("remove the duplicates, or set `duplicates = \"warn\"` in the table of the data set")
}

fn overlaps(fingerprint: &Fingerprint) -> Overlaps {
    let test = copies(fingerprint, Part::Test, &[Part::Training, Part::Validation]);
    let mut unlabeled = copies(fingerprint, Part::Test, &[Part::Unlabeled]);
    let known: HashSet<&str> = test.iter().map(|copy| copy.image.as_str()).collect();
    unlabeled.retain(|copy| !known.contains(copy.image.as_str()));
    Overlaps {
        test,
        validation: copies(fingerprint, Part::Validation, &[Part::Training]),
        conflicts: conflicts(fingerprint),
        unlabeled,
    }
}

/// Returns the images of a part whose files are also those of images of other parts.
fn copies(fingerprint: &Fingerprint, of: Part, others: &[Part]) -> Vec<DuplicateNames> {
    let files = &fingerprint.files;
    let mut first: HashMap<ImageId, usize> = HashMap::new();
    for (position, digest) in readable(fingerprint, others) {
        first.entry(digest).or_insert(position);
    }
    let copy = |(position, digest): (usize, ImageId)| {
        let other = *first.get(&digest)?;
        Some(DuplicateNames { image: files.name(position), other: files.name(other) })
    };
    readable(fingerprint, &[of]).filter_map(copy).collect()
}

/// Returns the training images whose files are also those of another class.
fn conflicts(fingerprint: &Fingerprint) -> Vec<DuplicateNames> {
    let mut labels: HashMap<ImageId, usize> = HashMap::new();
    let mut names: HashMap<ImageId, Vec<String>> = HashMap::new();
    for TrainingImage { id, label, .. } in &*fingerprint.training {
        if labels.entry(*id).or_insert(*label) != label {
            names.insert(*id, Vec::new());
        }
    }
    if names.is_empty() {
        return Vec::new();
    }
    for (position, digest) in readable(fingerprint, &[Part::Training]) {
        names.entry(digest).and_modify(|files| files.push(fingerprint.files.name(position)));
    }
    let pair = |names: &Vec<String>| {
        let (first, last) = (names.first()?, names.last()?);
        Some(DuplicateNames { image: last.clone(), other: first.clone() })
    };
    let mut pairs: Vec<DuplicateNames> = names.values().filter_map(pair).collect();
    pairs.sort_unstable_by(|a, b| a.image.cmp(&b.image));
    pairs
}

/// Returns the readable files of the images of some parts, by position and digest.
fn readable<'a>(fingerprint: &'a Fingerprint, parts: &'a [Part]) -> impl Iterator<Item = (usize, ImageId)> {
    let files = &fingerprint.files;
    let is_of = |position: &usize| {
        let name = files.name(*position);
        let part = name.split_once('/').map(|(part, _)| part);
        parts.iter().any(|each| part == Some(each.name()))
    };
    let digests = files.digests().iter().copied().enumerate();
    digests.filter(move |(position, digest)| *digest != ImageId::Unreadable && is_of(position))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Digest;
    use crate::dataset::SourceFile;
    use std::sync::Arc;

    const UNREADABLE: &str = "unreadable";

    fn source() -> Fingerprint {
        let id = |digest: &str| match digest {
            UNREADABLE => ImageId::Unreadable,
            content => ImageId::Digest(Digest::of(content.as_bytes())),
        };
        let file = |(name, digest): (&str, &str)| SourceFile { name: name.into(), digest: id(digest) };
        let files = [
            ("train/a/1", "x"),
            ("train/a/2", "x"),
            ("train/a/5", UNREADABLE),
            ("train/b/7", "z"),
            ("train/a/8", "z"),
            ("validation/a/9", "w"),
            ("validation/a/10", "x"),
            ("test/a/3", "y"),
            ("test/b/4", "x"),
            ("test/b/6", UNREADABLE),
            ("unlabeled/11", "y"),
            ("unlabeled/12", "x"),
            ("unlabeled/13", "w"),
        ];
        let ids = [("x", 0), ("x", 0), (UNREADABLE, 0), ("z", 1), ("z", 0)];
        let image = |(digest, label): (&str, usize)| TrainingImage { id: id(digest), label, group: None };
        Fingerprint {
            files: Arc::new(files.map(file).into_iter().collect()),
            training: Arc::new(ids.map(image).to_vec()),
            classes: vec![ClassSize { name: "a".into(), train: 5, validation: 2, test: 3 }],
            ..Fingerprint::default()
        }
    }

    #[test]
    fn files_with_the_same_digest_are_found_across_parts_and_classes() {
        let names = |image: &str, other: &str| vec![DuplicateNames { image: image.into(), other: other.into() }];
        let expected = Overlaps {
            test: names("test/b/4", "train/a/1"),
            validation: names("validation/a/10", "train/a/1"),
            conflicts: names("train/a/8", "train/b/7"),
            // A copy of a labeled image is not also reported as one of an image without a label.
            unlabeled: names("test/a/3", "unlabeled/11"),
        };
        assert_eq!(overlaps(&source()), expected);
    }

    #[test]
    fn duplicates_are_warnings_or_errors_or_ignored() {
        let text = "source = { shapes = { train = 60, test = 30 } }\nimage_size = 16\nduplicates = ";
        let with = |value: &str| {
            let config: DatasetConfig = toml::from_str(&format!("{text}\"{value}\"")).unwrap();
            warnings(&config, &source())
        };
        let warned = with("warn").unwrap();
        assert!(warned[0].starts_with("1 of 3 test images is also among the training"), "{warned:?}");
        assert!(warned[1].starts_with("1 of 2 validation images is also among the training images"), "{warned:?}");
        assert!(warned[2].contains("`train/a/8` is the same as `train/b/7`"), "{warned:?}");
        assert!(warned[3].starts_with("1 of 3 test images is also among the images without labels"), "{warned:?}");
        assert!(with("error").unwrap_err().to_string().contains("`test/b/4` is the same as `train/a/1`"));
        assert!(with("ignore").unwrap().is_empty());
    }
}
