//! Duplicates among the files of a source, found by their digests before anything is decoded.

use crate::base::{Error, Result};
use crate::dataset::config::{DatasetConfig, OnDuplicates};
use crate::dataset::duplicates::{DuplicateNames, conflicting, overlapping};
use crate::dataset::memo::UNREADABLE;
use crate::dataset::{Fingerprint, SourceFile};
use std::collections::HashMap;

/// Describes test images that are also training images and images of two classes; empty for sources without a file per
/// image.
///
/// # Errors
/// There are any, and the table of the data set makes that an error.
pub(crate) fn warnings(config: &DatasetConfig, fingerprint: &Fingerprint) -> Result<Vec<String>> {
    if config.duplicates == OnDuplicates::Ignore {
        return Ok(Vec::new());
    }
    let test_images = fingerprint.classes.iter().map(|class| class.test).sum();
    let found = [overlapping(&shared_files(fingerprint), test_images), conflicting(&conflicts(fingerprint))];
    let found: Vec<String> = found.into_iter().flatten().collect();
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

/// Returns the test images whose files are those of training or validation images.
fn shared_files(fingerprint: &Fingerprint) -> Vec<DuplicateNames> {
    let mut first: HashMap<&str, &str> = HashMap::new();
    for file in readable(fingerprint).filter(|file| !is_test(file)) {
        first.entry(&file.digest).or_insert(&file.name);
    }
    let shared = |file: &SourceFile| {
        Some(DuplicateNames { image: file.name.clone(), other: (*first.get(file.digest.as_str())?).to_owned() })
    };
    readable(fingerprint).filter(|file| is_test(file)).filter_map(shared).collect()
}

/// Returns the training or validation images whose files are also those of another class.
fn conflicts(fingerprint: &Fingerprint) -> Vec<DuplicateNames> {
    let mut labels: HashMap<&str, usize> = HashMap::new();
    let mut names: HashMap<&str, Vec<&str>> = HashMap::new();
    for (id, label) in &*fingerprint.training {
        if labels.entry(id).or_insert(*label) != label {
            names.insert(id, Vec::new());
        }
    }
    for file in readable(fingerprint).filter(|file| !is_test(file)) {
        names.entry(&file.digest).and_modify(|files| files.push(&file.name));
    }
    let pair = |names: &Vec<&str>| {
        let (first, last) = (names.first()?, names.last()?);
        Some(DuplicateNames { image: (*last).to_owned(), other: (*first).to_owned() })
    };
    let mut pairs: Vec<DuplicateNames> = names.values().filter_map(pair).collect();
    pairs.sort_unstable_by(|a, b| a.image.cmp(&b.image));
    pairs
}

fn is_test(file: &SourceFile) -> bool {
    file.name.starts_with("test/")
}

fn readable(fingerprint: &Fingerprint) -> impl Iterator<Item = &SourceFile> {
    fingerprint.files.iter().filter(|file| file.digest != UNREADABLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::ClassSize;

    fn source() -> Fingerprint {
        let file = |(name, digest): (&str, &str)| SourceFile { name: name.into(), digest: digest.into() };
        let files = [
            ("train/a/1", "x"),
            ("train/a/2", "x"),
            ("train/a/5", UNREADABLE),
            ("train/b/7", "z"),
            ("train/a/8", "z"),
            ("test/a/3", "y"),
            ("test/b/4", "x"),
            ("test/b/6", UNREADABLE),
        ];
        let ids = [("x", 0), ("x", 0), (UNREADABLE, 0), ("z", 1), ("z", 0)];
        let class = ClassSize { name: "a".into(), train: 5, test: 3 };
        Fingerprint {
            files: files.map(file).to_vec(),
            training: std::sync::Arc::new(ids.map(|(id, label)| (id.to_owned(), label)).to_vec()),
            classes: vec![class],
            ..Fingerprint::default()
        }
    }

    #[test]
    fn files_with_the_same_digest_are_found_across_subsets_and_classes() {
        let names = |image: &str, other: &str| DuplicateNames { image: image.into(), other: other.into() };
        assert_eq!(shared_files(&source()), [names("test/b/4", "train/a/1")]);
        assert_eq!(conflicts(&source()), [names("train/a/8", "train/b/7")]);
    }

    #[test]
    fn duplicates_are_warnings_or_errors_or_ignored() {
        let text = "source = { shapes = { train = 60, test = 30 } }\nimage_size = 16\nduplicates = ";
        let with = |value: &str| {
            let config: DatasetConfig = toml::from_str(&format!("{text}\"{value}\"")).unwrap();
            warnings(&config, &source())
        };
        let warned = with("warn").unwrap();
        assert!(warned[0].starts_with("1 of 3 test images is also among"), "{warned:?}");
        assert!(warned[1].contains("`train/a/8` is the same as `train/b/7`"), "{warned:?}");
        assert!(with("error").unwrap_err().to_string().contains("`test/b/4` is the same as `train/a/1`"));
        assert!(with("ignore").unwrap().is_empty());
    }
}
