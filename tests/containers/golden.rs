//! Parquet files that pyarrow wrote: `tests/golden/huggingface.py`.

use super::{config, print, refused, sizes};
use simclr::dataset::{ImageDataset, decode};

#[test]
fn files_of_pyarrow_are_read() {
    // Compressed with snappy and with Zstandard, in pages of both versions.
    for file in ["huggingface.parquet", "zstd.parquet", "zstd_pages_v2.parquet"] {
        is_read(file);
    }
}

fn is_read(file: &str) {
    let root = tempfile::tempdir().unwrap();
    std::fs::copy(format!("tests/golden/{file}"), root.path().join("train.parquet")).unwrap();
    let source = config(&root, "parquet = { train = 'ROOT/train.parquet', test_fraction = 0.5 }");
    assert_eq!(sizes(&print(&source)), [("ant", 1, 0, 1), ("bee", 1, 0, 1), ("cat", 1, 0, 1)]);
    let directory = tempfile::tempdir().unwrap();
    decode(&source, 1, directory.path(), &|_, _| {}, &|| Ok(())).unwrap();
    let set = ImageDataset::open(directory.path()).unwrap();
    let mut numbers: Vec<usize> = Vec::new();
    for image in 0..set.len() {
        let number: usize = set.name(image).split(['[', ']']).nth(1).unwrap().parse().unwrap();
        let rgb = set.image(image).unwrap().rgb;
        assert_eq!(rgb[..3], [40 * number as u8, 255 - 40 * number as u8, 7 * number as u8]);
        assert_eq!(set.classes()[set.label(image)], ["ant", "bee", "cat"][number % 3]);
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn damaged_zstandard_is_an_error_with_its_row_group() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("train.parquet");
    let whole = std::fs::read("tests/golden/zstd.parquet").unwrap();
    let magic = whole.windows(4).position(|bytes| bytes == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    let source = config(&root, "parquet = { train = 'ROOT/train.parquet', labels = false }");
    for at in [magic, magic + 4, magic + 9] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        std::fs::write(&path, bytes).unwrap();
        let error = super::error(&source);
        assert!(error.what().contains("row group 0"), "{error}");
    }
}

#[test]
fn compressions_that_are_not_supported_are_named() {
    let root = tempfile::tempdir().unwrap();
    std::fs::copy("tests/golden/brotli.parquet", root.path().join("train.parquet")).unwrap();
    let source = config(&root, "parquet = { train = 'ROOT/train.parquet', labels = false }");
    refused(&source, "train.parquet", "the compression BROTLI is not supported");
}
