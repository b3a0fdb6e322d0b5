//! Data sources in container files: CIFAR-100, tar files (WebDataset) and Parquet files, intact and damaged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod cifar100;
mod damaged;
mod golden;
mod held_out;
mod rows;
mod webdataset;

use simclr::base::rng::{below, stream};
use simclr::base::{Error, Result};
use simclr::dataset::{DatasetConfig, Fingerprint, ImageDataset, Part, decode, fingerprint};
use simclr::imaging::{ImageRef, encode_png};
use std::fs::{self, File};
use std::path::Path;
use tempfile::TempDir;

const WIDTH: usize = 12;
const HEIGHT: usize = 10;

/// Returns the pixels of the image with a number.
fn pixels(number: u64) -> Vec<u8> {
    let mut rng = stream(number, "image", &[]);
    (0..WIDTH * HEIGHT * 3).map(|_| below(256, &mut rng) as u8).collect()
}

fn png(number: u64) -> Vec<u8> {
    encode_png(ImageRef { width: WIDTH, height: HEIGHT, rgb: &pixels(number) }).unwrap()
}

/// Writes a tar file with members of these names and contents.
fn write_tar(path: &Path, members: &[(&str, &[u8])]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut archive = tar::Builder::new(File::create(path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).unwrap();
    }
    archive.into_inner().unwrap();
}

/// Returns the source with `ROOT` replaced by the directory.
fn config(root: &TempDir, source: &str) -> DatasetConfig {
    let source = source.replace("ROOT", root.path().to_str().unwrap());
    toml::from_str(&format!("source = {{ {source} }}\nimage_size = 16")).unwrap()
}

fn try_print(config: &DatasetConfig) -> Result<Fingerprint> {
    fingerprint(config, &tempfile::tempdir().unwrap().path().join("memo.json"))
}

fn print(config: &DatasetConfig) -> Fingerprint {
    try_print(config).unwrap()
}

fn sizes(print: &Fingerprint) -> Vec<(&str, usize, usize, usize)> {
    print.classes.iter().map(|size| (size.name.as_str(), size.train, size.validation, size.test)).collect()
}

/// Returns the error of listing or, if the files can be listed, of decoding.
fn error(config: &DatasetConfig) -> Error {
    let directory = tempfile::tempdir().unwrap();
    let decoded = |_| decode(config, 1, directory.path(), &|_, _| {}, &|| Ok(()));
    let error = try_print(config).and_then(decoded).unwrap_err();
    assert!(error.next_step().is_some(), "{error}");
    error
}

/// Checks that an error has this text, and names this file or place inside it.
fn refused(config: &DatasetConfig, place: &str, text: &str) {
    let error = error(config);
    let found = format!("{}: {}", error.place().unwrap_or_default(), error.what());
    assert!(found.contains(place) && error.what().contains(text), "{found}");
}

/// A decoded image: name, class and part.
type Decoded = (String, String, Part);

/// Returns the decoded images with labels, in their order, and checks that the pixels of each are those of its number.
fn decoded(config: &DatasetConfig, number: impl Fn(&str) -> u64) -> Vec<Decoded> {
    let directory = tempfile::tempdir().unwrap();
    decode(config, 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = ImageDataset::open(directory.path()).unwrap();
    let mut images = Vec::new();
    for part in Part::LABELED {
        for image in set.part(part) {
            let name = set.name(image);
            assert_eq!(set.image(image).unwrap().rgb, pixels(number(&name)), "{name}");
            images.push((name, set.classes()[set.label(image)].clone(), part));
        }
    }
    images
}

/// Returns the number in the last part of a name: 12 of `shard-0.tar/12.png`.
fn number_of(name: &str) -> u64 {
    let digits = name.rsplit('/').next().unwrap().trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

fn expected(images: &[(&str, &str, Part)]) -> Vec<Decoded> {
    images.iter().map(|(name, class, part)| ((*name).to_owned(), (*class).to_owned(), *part)).collect()
}

/// Returns the keys of the problems of a table with these keys.
fn problems(source: &str, written: &[&str]) -> Vec<&'static str> {
    let source = config(&tempfile::tempdir().unwrap(), source).source;
    source.check(&|key| written.contains(&key)).into_iter().map(|problem| problem.key).collect()
}

#[test]
fn keys_that_exclude_each_other_are_reported() {
    for (source, written, keys) in [
        ("webdataset = { train = 'a', test = 'b', label = 'json' }", &["label_key"][..], &[][..]),
        ("webdataset = { train = 'a', test = 'b' }", &["label_key", "test_fraction"], &["test_fraction", "label_key"]),
        ("webdataset = { train = 'a', label = '.cls', image = '' }", &[], &["image", "label"]),
        ("webdataset = { train = 'a', label = 'seg.png' }", &[], &["label"]),
        ("webdataset = { train = '', validation = '', labels = false }", &["label"], &["train", "validation", "label"]),
        ("parquet = { train = 'a', labels = false, class_names = 'b' }", &["class_names"], &["class_names"]),
        ("parquet = { train = 'a', image = 'x', label = 'x' }", &[], &["label"]),
        ("parquet = { train = 'a', test_fraction = 1.0 }", &["test_fraction"], &["test_fraction"]),
    ] {
        assert_eq!(problems(source, written), keys, "{source}");
    }
}
