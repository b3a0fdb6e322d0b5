//! Sources with labels, groups and splits as people have them: images without labels, validation sets, groups, patterns.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use simclr::base::rng::{below, stream};
use simclr::dataset::{DatasetConfig, Fingerprint, ImageDataset, Part, Split, decode, fingerprint, split_sizes};
use simclr::imaging::{ImageRef, encode_png};
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Writes a small PNG whose content depends on its path.
fn write_image(path: &Path) {
    let number = path.to_str().unwrap().bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut rng = stream(number, "png", &[]);
    let rgb: Vec<u8> = (0..12 * 10 * 3).map(|_| below(256, &mut rng) as u8).collect();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, encode_png(ImageRef { width: 12, height: 10, rgb: &rgb }).unwrap()).unwrap();
}

fn images(names: &[&str]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    names.iter().for_each(|name| write_image(&root.path().join(name)));
    root
}

/// Returns the source with `ROOT` replaced by the directory.
fn source(root: &TempDir, source: &str) -> DatasetConfig {
    let source = source.replace("ROOT", root.path().to_str().unwrap());
    toml::from_str(&format!("source = {{ {source} }}\nimage_size = 16")).unwrap()
}

fn print(config: &DatasetConfig) -> Fingerprint {
    fingerprint(config, &tempfile::tempdir().unwrap().path().join("memo.json")).unwrap()
}

fn refused(config: &DatasetConfig, part: &str) {
    let error = fingerprint(config, &tempfile::tempdir().unwrap().path().join("memo.json")).unwrap_err();
    assert!(error.what().contains(part) && error.next_step().is_some() && error.place().is_some(), "{error}");
}

/// Returns (name, class, part) of each decoded image with labels, sorted.
fn decoded(config: &DatasetConfig) -> Vec<(String, String, Part)> {
    let directory = tempfile::tempdir().unwrap();
    decode(config, 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = ImageDataset::open(directory.path()).unwrap();
    let mut images = Vec::new();
    for part in Part::LABELED {
        for image in set.part(part) {
            set.image(image).unwrap();
            images.push((set.name(image), set.classes()[set.label(image)].clone(), part));
        }
    }
    assert_eq!(images.len(), set.len());
    images.sort();
    images
}

fn expected(images: &[(&str, &str, Part)]) -> Vec<(String, String, Part)> {
    images.iter().map(|(name, class, part)| ((*name).to_owned(), (*class).to_owned(), *part)).collect()
}

fn sizes(print: &Fingerprint) -> Vec<(&str, usize, usize, usize)> {
    print.classes.iter().map(|size| (size.name.as_str(), size.train, size.validation, size.test)).collect()
}

/// Checks the keys of the problems of a table; `written` are the keys of the file.
fn problems(config: &DatasetConfig, written: &[&str]) -> Vec<&'static str> {
    config.source.check(&|key| written.contains(&key)).into_iter().map(|problem| problem.key).collect()
}

#[test]
fn images_without_labels_are_all_for_training() {
    let root = images(&["0.png", "1.png", "2.JPG"]);
    let flat = source(&root, "image_folder = { train = 'ROOT' }");
    assert_eq!(sizes(&print(&flat)), [("", 3, 0, 0)]);
    assert_eq!(flat.held_out_for_validation(&print(&flat)), 0.0);
    assert!(!print(&flat).has(Part::Test));
    write_image(&root.path().join("a/b/c/3.png"));
    refused(&flat, "3 images are next to the class directories");
    let deep = source(&root, "image_folder = { train = 'ROOT', labels = false }");
    assert_eq!(sizes(&print(&deep)), [("", 4, 0, 0)]);
    let root = images(&["train/x/0.png", "train/1.png", "test/y/2.png", "val/3.png"]);
    let split = source(&root, "image_folder = { train = 'ROOT', labels = false }");
    let unlabeled = [
        ("1.png", "", Part::Training),
        ("3.png", "", Part::Validation),
        ("x/0.png", "", Part::Training),
        ("y/2.png", "", Part::Test),
    ];
    assert_eq!(decoded(&split), expected(&unlabeled));
    assert_eq!(problems(&deep, &["test_fraction"]), ["test_fraction"]);
    assert_eq!(problems(&deep, &[]), [""; 0]);
    let empty = tempfile::tempdir().unwrap();
    refused(&source(&empty, "image_folder = { train = 'ROOT', labels = false }"), "no images");
}

#[test]
fn unlabeled_images_beside_labeled_ones_do_not_change_the_labeled_ones() {
    let root = images(&["train/a/0.png", "train/b/0.png", "test/a/1.png", "test/b/1.png"]);
    let config = source(&root, "image_folder = { train = 'ROOT' }");
    let before = print(&config);
    assert_eq!((before.unlabeled, sizes(&before)), (0, vec![("a", 1, 0, 1), ("b", 1, 0, 1)]));
    write_image(&root.path().join("unlabeled/deep/9.png"));
    let after = print(&config);
    assert_eq!((after.unlabeled, &after.content), (1, &before.content));
    assert_eq!(after.pixels(Part::Training), before.pixels(Part::Training));
    assert!(after.has(Part::Unlabeled) && !before.has(Part::Unlabeled));
    let explicit = "image_folder = { train = 'ROOT/train', test = 'ROOT/test', unlabeled = 'ROOT/unlabeled' }";
    assert_eq!(print(&source(&root, explicit)), after);
}

#[test]
fn splits_inside_one_directory_are_not_classes() {
    let root = images(&["train/cat/0.png", "train/dog/1.png", "val/cat/2.png", "test/cat/3.png", "test/dog/4.png"]);
    for path in ["image_folder = { train = 'ROOT' }", "image_folder = { train = 'ROOT', test_fraction = 0.5 }"] {
        let images = [
            ("cat/0.png", "cat", Part::Training),
            ("cat/2.png", "cat", Part::Validation),
            ("cat/3.png", "cat", Part::Test),
            ("dog/1.png", "dog", Part::Training),
            ("dog/4.png", "dog", Part::Test),
        ];
        assert_eq!(decoded(&source(&root, path)), expected(&images));
    }
    let config = source(&root, "image_folder = { train = 'ROOT' }");
    let split = split_sizes(&print(&config), 0.0, 1);
    let counts: Vec<_> = split.iter().map(|class| (class.train, class.validation, class.test)).collect();
    assert_eq!(counts, [(1, 1, 1), (1, 0, 1)]);
    let explicit = "image_folder = { train = 'ROOT/train', validation = 'ROOT/val', test = 'ROOT/test' }";
    assert_eq!(print(&source(&root, explicit)), print(&config));
    fs::remove_dir_all(root.path().join("test")).unwrap();
    write_image(&root.path().join("val/dog/5.png"));
    assert_eq!(sizes(&print(&config)), [("cat", 1, 0, 1), ("dog", 1, 0, 1)], "val is the test set");
}

#[test]
fn directories_beside_splits_are_not_classes() {
    let splits = ["train/cat_0.png", "train/dog_1.png", "test/cat_2.png", "test/dog_3.png"];
    let root = images(&splits);
    let config = source(&root, "filename_prefix = { train = 'ROOT' }");
    let before = print(&config);
    assert_eq!(before.notes, [""; 0]);
    write_image(&root.path().join("outputs/report/pairs.png"));
    let after = print(&config);
    assert_eq!((&after.content, &after.classes), (&before.content, &before.classes));
    assert_eq!(after.notes, ["not used, because they are beside the directory `train` of a split: `outputs`"]);
    write_image(&root.path().join("loose.png"));
    refused(&source(&root, "image_folder = { train = 'ROOT' }"), "1 images are next to the class directories");
}

#[test]
fn classes_with_underscores() {
    let names =
        ["american_bulldog_0.png", "american_bulldog_1.png", "american_terrier_0.png", "american_terrier_1.png"];
    let root = images(&names.map(|name| format!("train/{name}")).each_ref().map(String::as_str));
    let classes = |config: &str| -> Vec<String> {
        print(&source(&root, config)).classes.into_iter().map(|class| class.name).collect()
    };
    let last = "filename_prefix = { train = 'ROOT/train', separator_at = 'last', test_fraction = 0.5 }";
    let pattern = r"filename_prefix = { train = 'ROOT/train', pattern = '^(?<class>.+)_\d+\.', test_fraction = 0.5 }";
    let separator = "filename_prefix = { train = 'ROOT/train', separator = '_0', test_fraction = 0.5 }";
    for config in [last, pattern] {
        assert_eq!(classes(config), ["american_bulldog", "american_terrier"]);
        assert_eq!(print(&source(&root, config)).notes, [""; 0]);
    }
    refused(&source(&root, separator), "2 images have no class in their name: american_bulldog_1.png");
    let first = "filename_prefix = { train = 'ROOT/train' }";
    refused(&source(&root, first), "only one class, `american`");
    ["train/pug_0.png", "train/pug_1.png"].iter().for_each(|name| write_image(&root.path().join(name)));
    let noted = print(&source(&root, "filename_prefix = { train = 'ROOT/train', test_fraction = 0.5 }"));
    assert!(noted.notes[0].contains("`american_bulldog_0.png` is of the class `american`"), "{:?}", noted.notes);
    let both = r"filename_prefix = { train = 'ROOT', pattern = '(?<class>.)', separator = '-' }";
    assert_eq!(problems(&source(&root, both), &["separator"]), ["separator"]);
    let unnamed = r"filename_prefix = { train = 'ROOT', pattern = '(.)', group_pattern = '(.)' }";
    assert_eq!(problems(&source(&root, unnamed), &[]), ["group_pattern", "pattern"]);
    let invalid = "source = { filename_prefix = { train = 'a', pattern = '(' } }\nimage_size = 16";
    let error = toml::from_str::<DatasetConfig>(invalid).unwrap_err().to_string();
    assert!(error.contains("this is not a regular expression"), "{error}");
}

/// Twelve patients of two classes with five images each.
fn patients() -> (TempDir, String) {
    let root = tempfile::tempdir().unwrap();
    let mut rows = "path,label,patient\n".to_owned();
    for patient in 0..12 {
        for image in 0..5 {
            let class = ["sick", "well"][patient % 2];
            let name = format!("{class}/p{patient}_{image}.png");
            write_image(&root.path().join("images").join(&name));
            rows += &format!("images/{name},{class},p{patient}\n");
        }
    }
    fs::write(root.path().join("all.csv"), &rows).unwrap();
    (root, rows)
}

/// Returns the parts in which each group has images, the validation images of the split included.
fn sides(config: &DatasetConfig, group: fn(&str) -> &str) -> BTreeMap<String, HashSet<&'static str>> {
    let (print, directory) = (print(config), tempfile::tempdir().unwrap());
    decode(config, 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = ImageDataset::open(directory.path()).unwrap();
    let groups: Vec<&str> = print.training.iter().map(|image| image.group.as_deref().unwrap()).collect();
    let split = Split::sample_groups(&groups, 0, 0.25, 3);
    assert_eq!(set.part(Part::Training).len(), groups.len());
    let mut sides: BTreeMap<String, HashSet<&str>> = BTreeMap::new();
    for image in 0..set.len() {
        let side = match image {
            _ if set.is_test(image) => "test",
            _ if split.validation.contains(&image) => "validation",
            _ => "train",
        };
        sides.entry(group(&set.name(image)).to_owned()).or_default().insert(side);
    }
    sides
}

#[test]
fn no_group_is_on_both_sides_of_a_split() {
    let (root, _) = patients();
    let group: fn(&str) -> &str = |name| name.split('/').next_back().unwrap().split('_').next().unwrap();
    let csv = source(&root, "csv = { file = 'ROOT/all.csv', group = 'patient', test_fraction = 0.3 }");
    let pattern = r"image_folder = { train = 'ROOT/images', group_pattern = '(?<group>p\d+)_', test_fraction = 0.3 }";
    for config in [csv, source(&root, pattern)] {
        let sides = sides(&config, group);
        assert!(sides.values().all(|sides| sides.len() == 1), "{sides:?}");
        let count = |side| sides.values().filter(|sides| sides.contains(side)).count();
        assert_eq!((count("train"), count("validation"), count("test")), (6, 2, 4));
        assert_eq!(sizes(&print(&config)), [("sick", 20, 0, 10), ("well", 20, 0, 10)]);
    }
    let without = r"image_folder = { train = 'ROOT/images', group_pattern = 'x(?<group>.)' }";
    refused(&source(&root, without), "`group_pattern` finds no group in `sick/p0_0.png`");
}

#[test]
fn given_splits_of_a_csv_file_are_checked_for_groups() {
    let (root, rows) = patients();
    let config = source(&root, "csv = { file = 'ROOT/all.csv', group = 'patient', split = 'use' }");
    let write = |part: &dyn Fn(usize, usize) -> &'static str| {
        let uses = rows.lines().skip(1).enumerate().map(|(row, line)| format!("{line},{}\n", part(row / 5, row % 5)));
        fs::write(root.path().join("all.csv"), format!("path,label,patient,use\n{}", uses.collect::<String>()))
            .unwrap();
    };
    write(&|patient, _| ["train", "train", "train", "train", "val", "val", "test", "test"][patient % 8]);
    assert_eq!(sizes(&print(&config)), [("sick", 20, 5, 5), ("well", 20, 5, 5)]);
    for (one, other) in [("train", "validation"), ("train", "test"), ("unlabeled", "test"), ("valid", "test")] {
        write(&|patient, image| match (patient, image) {
            (0, 4) => one,
            (0, _) => other,
            (patient, _) if patient < 6 => "train",
            _ => "test",
        });
        refused(&config, "the group `p0` is on both sides of a split: `images/sick/p0_0.png` is in");
    }
    write(&|patient, image| match (patient, image) {
        (0, 4) => "unlabeled",
        (patient, _) if patient < 6 => "train",
        _ => "test",
    });
    let print = print(&config);
    assert_eq!((print.unlabeled, sizes(&print)), (1, vec![("sick", 14, 0, 15), ("well", 15, 0, 15)]));
    let pinned = print.training.iter().filter(|image| image.group.as_deref() == Some("")).count();
    assert_eq!(pinned, 4, "no image of a patient that pretraining sees is held out for validation");
}

#[test]
fn a_csv_file_without_labels() {
    let root = images(&["0.png", "a/1.png", "b/2.png"]);
    fs::write(root.path().join("all.csv"), "file\n0.png\na/1.png\nb/2.png\n").unwrap();
    let csv = "csv = { file = 'ROOT/all.csv', path = 'file', labels = false }";
    assert_eq!(sizes(&print(&source(&root, csv))), [("", 3, 0, 0)]);
    refused(&source(&root, &csv.replace(", labels = false", "")), "there is no column `label`");
    assert_eq!(problems(&source(&root, csv), &["label", "test_fraction"]), ["label", "test_fraction"]);
    fs::write(root.path().join("all.csv"), "file,use\n0.png,train\na/1.png,test\nb/2.png,unlabeled\n").unwrap();
    let print = print(&source(&root, &csv.replace("labels", "split = 'use', labels")));
    assert_eq!((print.unlabeled, sizes(&print)), (1, vec![("", 1, 0, 1)]));
}

/// Writes STL-10 files of ten records each, and three unlabeled ones.
fn stl10() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let records = |count: usize, shift: usize| -> Vec<u8> {
        (0..count * 27_648).map(|byte| (byte * 7 + byte / 27_648 + shift) as u8).collect()
    };
    for (part, shift) in [("train", 1), ("test", 2)] {
        fs::write(root.path().join(format!("{part}_X.bin")), records(10, shift)).unwrap();
        fs::write(root.path().join(format!("{part}_y.bin")), (1..=10).collect::<Vec<u8>>()).unwrap();
    }
    fs::write(root.path().join("unlabeled_X.bin"), records(3, 3)).unwrap();
    root
}

#[test]
fn stl10_has_unlabeled_images() {
    let root = stl10();
    let of = |more: &str| print(&source(&root, &format!("stl10 = {{ path = 'ROOT'{more} }}")));
    let (labeled, both, unlabeled) = (of(""), of(", split = 'train+unlabeled'"), of(", split = 'unlabeled'"));
    assert_eq!((labeled.unlabeled, both.unlabeled, sizes(&unlabeled)), (0, 3, vec![("", 3, 0, 0)]));
    assert_eq!((both.content, both.classes), (labeled.content.clone(), labeled.classes.clone()));
    assert_eq!(of(", split = 'train'"), labeled);
    let config = source(&root, "stl10 = { path = 'ROOT', split = 'unlabeled' }");
    assert_eq!(decoded(&config).len(), 3);
    fs::remove_file(root.path().join("unlabeled_X.bin")).unwrap();
    refused(&config, "unlabeled_X.bin is missing");
    assert_eq!(of(""), labeled);
}

#[test]
fn a_corrected_label_file_of_stl10_is_noticed() {
    let root = stl10();
    let config = source(&root, "stl10 = { path = 'ROOT' }");
    for name in ["train_y.bin", "test_y.bin"] {
        let before = print(&config);
        let mut labels = fs::read(root.path().join(name)).unwrap();
        labels.swap(0, 1);
        fs::write(root.path().join(name), labels).unwrap();
        let after = print(&config);
        assert_ne!(before.content, after.content, "{name}");
        assert_eq!(before.pixels, after.pixels, "no image changed");
    }
}
