//! `simclr init --data`: what it recognizes, that what it writes runs, and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use assert_cmd::Command;
use simclr::base::rng::{below, stream};
use simclr::imaging::{ImageRef, encode_png};
use std::fs;
use std::path::PathBuf;
use std::process::Output;
use tempfile::TempDir;

/// Settings for a run of a few seconds.
const SHORT: [&str; 4] = [
    "pretrain.main.epochs=1",
    "pretrain.main.encoder={ tiny = { width = 0.25 } }",
    "supervised.from-scratch.encoder={ tiny = { width = 0.25 } }",
    "supervised.from-scratch.steps=2",
];

/// A directory in which the program is called.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes images of 20 x 18 pixels, none of them twice; `#` in the name is replaced by numbers from 0.
    fn images(&self, name: &str, count: u64) {
        for number in 0..count {
            let path = name.replace('#', &number.to_string());
            let seed = path.bytes().fold(0, |seed: u64, byte| seed.wrapping_mul(31) + u64::from(byte));
            let mut rng = stream(seed, "png", &[]);
            let rgb: Vec<u8> = (0..20 * 18 * 3).map(|_| below(256, &mut rng) as u8).collect();
            self.write(&path, encode_png(ImageRef { width: 20, height: 18, rgb: &rgb }).unwrap());
        }
    }

    fn call(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_simclr")).args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let done = self.call(arguments);
        let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {text}");
        text
    }

    /// Writes a pipeline file for the data, validates and runs it; returns what `init` printed, and the file.
    fn runs(&self, data: &str, more: &[&str]) -> (String, String) {
        let printed = self.ok(&[&["init", "mine.toml", "--force", "--data", data], more].concat());
        let file = fs::read_to_string(self.path("mine.toml")).unwrap();
        assert!(!file.contains('@'), "{file}");
        assert!(printed.contains("a run takes "), "{printed}");
        self.ok(&["validate", "mine.toml"]);
        self.ok(&short("mine.toml", file.contains("[supervised.")));
        (printed, file)
    }

    /// Returns what `init` prints about data that it refuses, after checking that it wrote nothing.
    fn refused(&self, data: &str) -> String {
        let done = self.call(&["init", "refused.toml", "--data", data]);
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(matches!(done.status.code(), Some(2 | 3)), "{data}: {text}");
        assert!(!self.path("refused.toml").exists());
        text
    }
}

/// Returns the arguments of a short run.
fn short(file: &str, has_supervised: bool) -> Vec<&str> {
    let settings = SHORT.iter().filter(|setting| has_supervised || !setting.starts_with("supervised"));
    ["run", file].into_iter().chain(settings.flat_map(|setting| ["--set", setting])).collect()
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn classes_in_directories_beside_the_results_of_earlier_runs() {
    let place = Place::new();
    place.images("cats/#.png", 8);
    place.images("dogs/deep/#.png", 8);
    place.write("notes.txt", "which camera");
    for _ in 0..2 {
        // The results of the first run are in `outputs` beside the classes.
        let (printed, file) = place.runs(".", &[]);
        has(
            &printed,
            &["one directory per class", "2: cats 8, dogs 8", "for testing", "20 x 18 pixels", "`notes.txt`"],
        );
        has(&file, &["image_folder = { train = \".\" }", "image_size = 16", "validation_fraction = 0.1"]);
        has(&file, &["batch_size = 4", "steps = 200"]);
        assert!(!printed.contains("warning"), "{printed}");
    }
    assert!(place.path("outputs/store-v1").exists());
    has(&place.refused("outputs"), &["only results of simclr", "pass the directory of your images"]);
    has(&place.refused("outputs/mine"), &["only results of simclr"]);
}

#[test]
fn directories_of_a_split() {
    let place = Place::new();
    for part in ["train", "val", "test"] {
        for class in ["a \"cat\"", "dog"] {
            place.images(&format!("my images/{part}/{class}/#.png"), if part == "train" { 6 } else { 2 });
        }
    }
    let (printed, file) = place.runs("my images", &[]);
    has(&printed, &["12 for training, 4 for validation, 4 for testing"]);
    has(&file, &["train = \"my images/train\"", "validation = \"my images/val\"", "test = \"my images/test\""]);
    assert!(!file.contains("validation_fraction"), "{file}");

    fs::remove_dir_all(place.path("my images/test")).unwrap();
    let (_, file) = place.runs("my images", &[]);
    has(&file, &["test = \"my images/val\"", "validation_fraction"]);

    fs::create_dir(place.path("below")).unwrap();
    place.ok(&["init", "below/mine.toml", "--data", "my images"]);
    place.ok(&["validate", "below/mine.toml"]);

    fs::rename(place.path("my images/train"), place.path("my images/test")).unwrap();
    has(&place.refused("my images"), &["`test`, `val` are parts of a data set", "`train`"]);
}

#[test]
fn classes_in_file_names() {
    let place = Place::new();
    for part in ["train", "test"] {
        place.images(&format!("split/{part}/cat_#.png"), 4);
        place.images(&format!("split/{part}/dog_#.png"), 4);
    }
    let (printed, file) = place.runs("split", &[]);
    has(&printed, &["before the first `_`", "2: cat 8, dog 8"]);
    has(&file, &["filename_prefix = { train = \"split/train\", test = \"split/test\" }"]);

    place.images("breeds/american_bulldog_#.png", 5);
    place.images("breeds/pug_#.png", 5);
    let (printed, file) = place.runs("breeds", &[]);
    has(&printed, &["before the last `_`", "2: american_bulldog 5, pug 5"]);
    has(&file, &["separator_at = \"last\""]);
}

#[test]
fn images_without_classes() {
    let place = Place::new();
    place.images("flat/IMG_#.png", 9);
    let (printed, file) = place.runs("flat", &[]);
    has(&printed, &["images without classes", "9 for training", "no evaluation, which needs labels"]);
    has(&file, &["image_folder = { train = \"flat\", labels = false }", "batch_size = 4"]);
    assert!(!file.contains("_eval"), "{file}");

    place.images("albums/2024/spring/#.png", 4);
    place.images("albums/2025/#.png", 4);
    let (printed, file) = place.runs("albums", &["--unlabeled"]);
    has(&printed, &["8 for training"]);
    has(&file, &["labels = false"]);
}

#[test]
fn csv_files() {
    let place = Place::new();
    place.images("scans/images/#.png", 12);
    let rows = |row: fn(usize) -> String| (0..12).map(|number| row(number) + "\n").collect::<String>();
    let table = rows(|n| format!("images/{n}.png,{},{},p{}", ["pos", "neg"][n % 2], ["train", "test"][n / 8], n / 2));
    place.write("scans/list.csv", format!("file,diagnosis,split,patient_id\n{table}"));
    for data in ["scans/list.csv", "scans"] {
        let (printed, file) = place.runs(data, &[]);
        has(&printed, &["paths in `file` and labels in `diagnosis`", "2: neg 6, pos 6", "4 for testing"]);
        has(&file, &["file = \"scans/list.csv\"", "split = \"split\"", "group = \"patient_id\""]);
    }
    place.write("scans/list.csv", format!("where\n{}", rows(|n| format!("images/{n}.png"))));
    let (printed, file) = place.runs("scans/list.csv", &[]);
    has(&printed, &["paths in `where`, without labels", "12 for training"]);
    has(&file, &["labels = false"]);
    place.write("scans/list.csv", "path,label\nnowhere.png,a\n");
    has(&place.refused("scans/list.csv"), &["`path`, `label` has paths of existing images", "relative to"]);
}

#[test]
fn published_binary_files() {
    let place = Place::new();
    let records = |first: usize| -> Vec<u8> {
        let record = |n: usize| std::iter::once(n as u8).chain((0..3072).map(move |i| (i * (n + first)) as u8));
        (0..10).flat_map(record).collect()
    };
    let names = (1..=5).map(|file| format!("data_batch_{file}.bin")).chain(["test_batch.bin".to_owned()]);
    names
        .enumerate()
        .for_each(|(file, name)| place.write(&format!("data/cifar-10-batches-bin/{name}"), records(file + 1)));
    let (printed, file) = place.runs("data", &[]);
    has(&printed, &["CIFAR-10", "10: airplane 6, automobile 6", "32 x 32 pixels"]);
    has(&file, &["cifar10 = { path = \"data/cifar-10-batches-bin\" }", "image_size = 32"]);

    for (part, count) in [("train", 20), ("test", 10), ("unlabeled", 3)] {
        let pixels: Vec<u8> = (0..count * 96 * 96 * 3).map(|i| (i % 251) as u8).collect();
        place.write(&format!("stl/{part}_X.bin"), pixels);
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8 + 1).collect();
        place.write(&format!("stl/{part}_y.bin"), labels);
    }
    let (printed, file) = place.runs("stl", &[]);
    has(&printed, &["STL-10", "3 without labels"]);
    has(&file, &["split = \"train+unlabeled\"", "image_size = 64"]);
}

#[test]
fn tar_and_parquet_files() {
    let place = Place::new();
    place.images("data/#.png", 24);
    for (shard, numbers) in [("train-000", 0..8), ("train-001", 8..16), ("test-000", 16..24)] {
        let mut tar = tar::Builder::new(Vec::new());
        let mut append = |name: String, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes).unwrap();
        };
        for number in numbers {
            append(format!("{number}.png"), &fs::read(place.path(&format!("data/{number}.png"))).unwrap());
            let json = format!("{{\"class\": \"{}\"}}", ["cat", "dog"][number % 2]);
            append(format!("{number}.json"), json.as_bytes());
        }
        place.write(&format!("shards/{shard}.tar"), tar.into_inner().unwrap());
    }
    let (printed, file) = place.runs("shards", &[]);
    has(&printed, &["tar files of images with labels in `.json`", "2: cat 12, dog 12"]);
    has(&file, &["train = \"shards/train*.tar\"", "test = \"shards/test-000.tar\"", "label_key = \"class\""]);
    let (printed, file) = place.runs("shards/train-000.tar", &["--unlabeled"]);
    has(&printed, &["without labels (WebDataset)", "8 for training"]);
    has(&file, &["labels = false"]);

    let golden = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/huggingface.parquet")).unwrap();
    place.write("hub/data/train-00000-of-00001.parquet", &golden);
    let printed = place.ok(&["init", "hub.toml", "--data", "hub"]);
    has(&printed, &["Parquet files with images in `image` and labels in `label`", "3: ant 2, bee 2, cat 2"]);
    place.ok(&["validate", "hub.toml"]);
    place.write("texts.parquet", "no such file");
    has(&place.refused("texts.parquet"), &["cannot read it as Parquet"]);
}

#[test]
fn small_classes_have_images_on_every_side() {
    let place = Place::new();
    place.images("a/#.png", 2);
    place.images("b/#.png", 30);
    place.write(".DS_Store", "");
    let (printed, file) = place.runs(".", &[]);
    has(&printed, &["2: a 2, b 30"]);
    has(&file, &["test_fraction = 0.25", "k = 1"]);
    assert!(!printed.contains("warning"), "{printed}");
    fs::remove_file(place.path("a/1.png")).unwrap();
    fs::remove_dir_all(place.path("outputs")).unwrap();
    has(&place.refused("."), &["only one image of `a`", "at least two"]);
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let place = Place::new();
    has(&place.refused("nowhere"), &["does not exist", "pass the directory"]);
    place.write("texts/a.txt", "a");
    has(&place.refused("texts"), &["there are no images, only `a.txt`", "JPEG"]);
    has(&place.refused("texts/a.txt"), &["neither a CSV file nor a tar or Parquet file"]);
    fs::create_dir_all(place.path("empty")).unwrap();
    has(&place.refused("empty"), &["there are no images"]);
    place.images("one/cats/#.png", 4);
    has(&place.refused("one"), &["only one class, `cats`", "--unlabeled"]);
    place.images("mixed/cats/#.png", 4);
    place.images("mixed/loose#.png", 2);
    has(&place.refused("mixed"), &["2 images beside the directories `cats`", "`loose0.png`", "--unlabeled"]);
    place.images("gap/cats/#.png", 4);
    place.images("gap/dogs/#.png", 4);
    fs::create_dir_all(place.path("gap/birds")).unwrap();
    has(&place.refused("gap"), &["no images in `birds`"]);
    for number in 0..4 {
        place.write(&format!("broken/cats/{number}.png"), "not an image");
        place.write(&format!("broken/dogs/{number}.png"), "not one either");
    }
    has(&place.refused("broken"), &["none of 8 images", "can be read"]);
}

/// Runs the commands of README's section as they are written there, with short runs: of labeled images, of images without
/// labels, and of a CSV file.
#[test]
fn the_readme_works_word_for_word() {
    let readme = include_str!("../README.md");
    let section = readme.split("## Your own images").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands: Vec<Vec<&str>> = section
        .split(['`', '\n'])
        .filter_map(|text| text.trim().strip_prefix("simclr "))
        .map(|arguments| arguments.split_whitespace().collect())
        .collect();
    let names: Vec<&str> = commands.iter().map(|command| command[0]).collect();
    assert_eq!(names, ["init", "init", "init", "preview", "run"], "{commands:?}");
    let place = Place::new();
    for part in ["train", "test"] {
        for class in ["cats", "dogs"] {
            place.images(&format!("data/mine/{part}/{class}/#.png"), 6);
        }
    }
    place.images("data/photos/2025/#.png", 6);
    place.images("data/photos/2026/may/#.png", 6);
    let rows =
        (0..6).flat_map(|number| ["cats", "dogs"].map(|class| format!("mine/train/{class}/{number}.png,{class}\n")));
    place.write("data/table.csv", format!("path,label\n{}", rows.collect::<String>()));
    for command in &commands {
        match command.as_slice() {
            ["run", file] => place.ok(&short(file, true)),
            command => place.ok(command),
        };
    }
    assert!(place.path("outputs/mine/report/index.html").is_file());
    assert!(place.path("pairs.png").is_file());
    for (file, has_labels) in [("unlabeled", false), ("table", true)] {
        place.ok(&short(&format!("{file}.toml"), has_labels));
        assert!(place.path(&format!("outputs/{file}/report/index.html")).is_file());
    }
}
