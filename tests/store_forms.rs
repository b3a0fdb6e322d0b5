//! Images kept as pixels, as copies of their files, or not at all: the same pixels, the same results, other disk space.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops by panicking")]

mod common;
#[path = "common/study.rs"]
mod study;

use common::artifacts;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use simclr::base::rng::{below, stream};
use simclr::dataset::{DatasetConfig, ImageDataset, decode};
use simclr::imaging::{ImageRef, encode_png};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use study::{PRETRAINING, Study};
use tempfile::TempDir;

const FORMS: [&str; 3] = ["decoded", "encoded", "none"];

/// Returns an image file of blurred noise: a PNG if the number is a multiple of three, else a JPEG. Some are larger than
/// they are kept.
fn image_file(number: u64) -> (&'static str, Vec<u8>) {
    let mut rng = stream(number, "image", &[]);
    let (width, height) = (24 + below(40, &mut rng) as usize, 24 + below(40, &mut rng) as usize);
    let values: Vec<u8> =
        (0..width * height * 3).map(|i| (below(64, &mut rng) as usize + 3 * (i % width)) as u8).collect();
    if number.is_multiple_of(3) {
        return ("png", encode_png(ImageRef { width, height, rgb: &values }).unwrap());
    }
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 90);
    encoder.write_image(&values, width as u32, height as u32, ExtendedColorType::Rgb8).unwrap();
    ("jpg", file)
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
}

/// Writes two classes of training and test images.
fn write_images(root: &Path) {
    for (part, count) in [("train", 12), ("test", 6)] {
        for (class, name) in ["cat", "dog"].into_iter().enumerate() {
            for number in 0..count {
                let (extension, bytes) = image_file(1000 * class as u64 + number + 100 * count);
                write(&root.join(format!("{part}/{name}/{number}.{extension}")), &bytes);
            }
        }
    }
}

/// A tar file with an image and a label of each number.
fn write_tar(path: &Path, first: u64, count: u64) {
    let mut tar = tar::Builder::new(File::create(path).unwrap());
    let mut append = |name: String, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    for number in first..first + count {
        let (extension, bytes) = image_file(number);
        append(format!("{number:04}.{extension}"), &bytes);
        append(format!("{number:04}.cls"), if number % 2 == 0 { b"even" } else { b"odd" });
    }
    tar.finish().unwrap();
}

fn config(source: &str, store: &str) -> DatasetConfig {
    toml::from_str(&format!("source = {source}\nimage_size = 16\nstore = \"{store}\"")).unwrap()
}

fn decoded(config: &DatasetConfig) -> (TempDir, ImageDataset) {
    let directory = tempfile::tempdir().unwrap();
    decode(config, 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = ImageDataset::open(directory.path()).unwrap();
    (directory, set)
}

fn folder(root: &Path) -> String {
    let root = root.display();
    format!("{{ image_folder = {{ train = \"{root}/train\", test = \"{root}/test\" }} }}")
}

fn webdataset(root: &Path) -> String {
    let root = root.display();
    format!("{{ webdataset = {{ train = \"{root}/train.tar\", test = \"{root}/test.tar\" }} }}")
}

#[test]
fn all_forms_give_the_same_pixels_and_the_same_index() {
    let root = tempfile::tempdir().unwrap();
    write_images(root.path());
    write_tar(&root.path().join("train.tar"), 0, 20);
    write_tar(&root.path().join("test.tar"), 100, 10);
    let in_folder = |count: u64| (0..2).flat_map(move |class| (0..count).map(move |n| 1000 * class + n + 100 * count));
    let bytes = |numbers: &mut dyn Iterator<Item = u64>| numbers.map(|number| image_file(number).1.len() as u64).sum();
    let sources: [(String, u64); 2] =
        [(folder(root.path()), bytes(&mut in_folder(12))), (webdataset(root.path()), bytes(&mut (0..20)))];
    for (source, bytes_of_files) in sources {
        let [pixels, copies, places] = FORMS.map(|form| decoded(&config(&source, form)));
        for (directory, other) in [&copies, &places] {
            assert_eq!(pixels.1.len(), other.len());
            for image in 0..other.len() {
                let (expected, image) = (pixels.1.image(image).unwrap(), other.image(image).unwrap());
                assert!(expected == image && expected.width.min(expected.height) <= 32);
            }
            for index in ["index.json", "train/index.json", "test/index.json"] {
                let [expected, index] = [&pixels.0, directory].map(|place| fs::read(place.path().join(index)).unwrap());
                assert!(expected == index);
            }
        }
        let kept = |(place, _): &(TempDir, ImageDataset)| {
            fs::metadata(place.path().join("train/form/images.bin")).map_or(0, |metadata| metadata.len())
        };
        assert!(kept(&pixels) > 0);
        assert_eq!((kept(&copies), kept(&places)), (bytes_of_files, 0));
    }
}

#[test]
fn copies_outlive_their_files_and_places_do_not() {
    let root = tempfile::tempdir().unwrap();
    write_images(root.path());
    let [(_kept, copies), (_places, places)] =
        ["encoded", "none"].map(|form| decoded(&config(&folder(root.path()), form)));
    for image in 0..places.len() {
        places.image(image).unwrap();
    }
    let train = root.path().join("train");
    for entry in fs::read_dir(train.join("dog")).unwrap() {
        fs::write(entry.unwrap().path(), image_file(7).1).unwrap();
    }
    fs::remove_dir_all(train.join("cat")).unwrap();
    for image in copies.part(simclr::dataset::Part::Training) {
        copies.image(image).unwrap();
        let error = places.image(image).unwrap_err();
        assert!(error.what().contains("removed or changed"), "{error}");
        assert!(error.place().unwrap().contains("train/") && error.next_step().is_some(), "{error}");
    }
}

#[test]
fn a_damaged_form_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    write_images(root.path());
    write_tar(&root.path().join("train.tar"), 0, 20);
    write_tar(&root.path().join("test.tar"), 100, 10);
    let stamp = "{\"inode\":0,\"size\":1,\"modified\":0,\"changed\":0}";
    for (source, form, from, to) in [
        (folder(root.path()), "encoded", "\"lengths\":[", "\"lengths\":[1,"),
        (folder(root.path()), "encoded", "\"lengths\":[", "\"lengths\":[18446744073709551615,"),
        (folder(root.path()), "encoded", "\"store\":\"encoded\"", "\"store\":\"packed\""),
        (folder(root.path()), "encoded", "\"preparation\"", "\"other\""),
        (folder(root.path()), "none", "\"files\":[", &format!("\"files\":[[\"x\",{stamp}],")),
        (webdataset(root.path()), "none", "\"places\":[", "\"places\":[{\"file\":0,\"length\":1,\"offset\":0},"),
        (webdataset(root.path()), "none", "\"file\":0", "\"file\":999"),
        (folder(root.path()), "none", "}", ""),
    ] {
        let (directory, set) = decoded(&config(&source, form));
        drop(set);
        let path = directory.path().join("train/form/index.json");
        let whole = fs::read_to_string(&path).unwrap();
        assert!(whole.contains(from), "{whole}");
        fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        let error = ImageDataset::open(directory.path()).unwrap_err();
        assert!(error.next_step().is_some() && error.place().is_some(), "{error}");
    }
    // A copy that is overwritten after it was opened.
    let (directory, set) = decoded(&config(&folder(root.path()), "encoded"));
    let path = directory.path().join("train/form/images.bin");
    let bytes = vec![0; fs::metadata(&path).unwrap().len() as usize];
    fs::write(&path, bytes).unwrap();
    assert!(set.image(0).unwrap_err().what().contains("changed while it was read"));
}

const DATASET: &str = "
[dataset]
source = { image_folder = { train = \"train\", test = \"test\" } }
image_size = 16
";
const EVALUATION: &str = "
[knn_eval.main]
from = \"main\"
k = 3
";

impl Study {
    fn new() -> Self {
        let study = Self::empty();
        write_images(&study.path(""));
        study.write_file(&format!("{DATASET}{PRETRAINING}{EVALUATION}"));
        study
    }

    /// Runs the study with a form, and returns the lines of the stages that were computed.
    fn run(&self, output: &str, form: &str) -> Vec<String> {
        let text = self.succeed("run", output, &["--set", &format!("dataset.store=\"{form}\"")]);
        text.lines().filter(|line| line.contains("done") && !line.contains("report")).map(str::to_owned).collect()
    }

    /// Returns the artifacts of an output directory without the forms of images, the manifests that list them, and the
    /// report, which quotes the file.
    fn content(&self, output: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let is_form = |path: &Path| {
            let is_part = |name: &str| path.components().any(|part| part.as_os_str() == name);
            is_part("form") || is_part("report") || path.ends_with("manifest.json")
        };
        artifacts(&self.path(output)).into_iter().filter(|(path, _)| !is_form(path)).collect()
    }
}

#[test]
fn another_form_repeats_only_the_images() {
    let study = Study::new();
    study.run("out", "decoded");
    let first = study.content("out");
    for form in ["encoded", "none", "decoded"] {
        let computed = study.run("out", form);
        let others: Vec<&String> = computed.iter().filter(|line| !line.contains("images[")).collect();
        assert!(others.is_empty() && computed.len() == 2, "{form}: {computed:?}");
        assert_eq!(study.run("out", form), Vec::<String>::new(), "{form}");
    }
    // Every stage gives the same bytes from every form.
    for form in ["encoded", "none"] {
        study.run(form, form);
        let others = study.content(form);
        assert_eq!(others.len(), first.len());
        for ((path, bytes), (other, others)) in first.iter().zip(&others) {
            assert!(path == other && bytes == others, "{form}: {} differs", path.display());
        }
    }
}

#[test]
fn images_that_were_moved_are_found_again() {
    let study = Study::new();
    study.run("out", "none");
    let train = study.path("train");
    fs::rename(train.join("cat/1.jpg"), train.join("cat/one.jpg")).unwrap();
    let computed = study.run("out", "none");
    let names = |name: &str| computed.iter().filter(|line| line.contains(name)).count();
    assert!(names("images[train]") == 1 && names("pretrain") == 0 && names("images[test]") == 0, "{computed:?}");
}
