//! CIFAR-100.

use super::{config, print, refused};
use simclr::base::rng::{below, stream};
use simclr::dataset::{DatasetConfig, ImageDataset, decode};
use std::fs;
use tempfile::TempDir;

const RECORD: usize = 2 + 3 * 32 * 32;

/// Writes three records per class into both files, whose labels are (fine label modulo 20, fine label).
fn write() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (number, name) in ["train.bin", "test.bin"].into_iter().enumerate() {
        let mut rng = stream(number as u64, "records", &[]);
        let mut records = Vec::new();
        for fine in (0..100_u8).cycle().take(300) {
            records.extend([fine % 20, fine]);
            records.extend((2..RECORD).map(|_| below(256, &mut rng) as u8));
        }
        fs::write(root.path().join(name), records).unwrap();
    }
    for (name, classes) in [("fine_label_names.txt", 100), ("coarse_label_names.txt", 20)] {
        let names: Vec<String> = (0..classes).map(|class| format!("{name} {class:02}\n")).collect();
        fs::write(root.path().join(name), names.concat()).unwrap();
    }
    root
}

/// Returns the number of classes, and the class and the first pixel of image 42.
fn image_42(config: &DatasetConfig) -> (usize, String, Vec<u8>) {
    let directory = tempfile::tempdir().unwrap();
    decode(config, 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = ImageDataset::open(directory.path()).unwrap();
    (set.classes().len(), set.classes()[set.label(42)].clone(), set.image(42).unwrap().rgb[..3].to_vec())
}

#[test]
fn images_have_fine_or_coarse_labels() {
    let root = write();
    let fine = config(&root, "cifar100 = { path = 'ROOT' }");
    let coarse = config(&root, "cifar100 = { path = 'ROOT', labels = 'coarse' }");
    let train = fs::read(root.path().join("train.bin")).unwrap();
    let record = &train[42 * RECORD..];
    let pixel = vec![record[2], record[2 + 1024], record[2 + 2048]];
    assert_eq!(image_42(&fine), (100, "fine_label_names.txt 42".to_owned(), pixel.clone()));
    assert_eq!(image_42(&coarse), (20, "coarse_label_names.txt 02".to_owned(), pixel));
    let (fine, coarse) = (print(&fine), print(&coarse));
    assert_eq!(fine.pixels, coarse.pixels);
    assert_ne!(fine.content, coarse.content);
}

#[test]
fn damaged_files_are_refused() {
    let root = write();
    let source = config(&root, "cifar100 = { path = 'ROOT' }");
    let train = root.path().join("train.bin");
    let intact = fs::read(&train).unwrap();
    fs::write(&train, &intact[..intact.len() - 1]).unwrap();
    refused(&source, "train.bin", "not a multiple of 3074-byte records");
    fs::write(&train, []).unwrap();
    refused(&source, "train.bin", "0 bytes");
    let mut wrong = intact.clone();
    wrong[7 * RECORD + 1] = 100;
    fs::write(&train, wrong).unwrap();
    refused(&source, "train.bin", "record 7 has the label 100, but labels are 0 to 99");
    fs::write(&train, intact).unwrap();
    assert_eq!(print(&source).classes.len(), 100);
    fs::remove_file(root.path().join("fine_label_names.txt")).unwrap();
    refused(&source, root.path().to_str().unwrap(), "fine_label_names.txt is missing");
}
