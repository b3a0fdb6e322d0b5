//! Files that are truncated, damaged or made to mislead: an error that names the file, never a panic.

use super::rows;
use super::webdataset::write_shard;
use super::{config, png, refused, try_print, write_tar};
use simclr::base::rng::{below, stream};
use simclr::dataset::{DatasetConfig, decode};
use std::fs;
use std::path::Path;
use tar::{EntryType, Header};

/// Lists and decodes a source; an error has to name the file.
fn survives(source: &DatasetConfig, file: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    let outcome =
        try_print(source).and_then(|_| decode(source, 1, directory.path(), &|_, _| {}, &|| Ok(())).map(|_| ()));
    if let Err(error) = &outcome {
        let text = format!("{} {}", error.place().unwrap_or_default(), error.what());
        let is_of_all = text.contains("images of `") || text.contains("only one class") || text.contains("no images");
        assert!(is_of_all || text.contains(file), "{text}");
    }
    outcome.is_ok()
}

/// Truncates and changes a file in many ways.
fn damage(source: &DatasetConfig, path: &Path) {
    let intact = fs::read(path).unwrap();
    let file = path.file_name().unwrap().to_str().unwrap();
    assert!(survives(source, file));
    for length in (0..intact.len() - 1024.min(intact.len() / 8)).step_by(61) {
        fs::write(path, &intact[..length]).unwrap();
        assert!(!survives(source, file), "{length} of {} bytes", intact.len());
    }
    let mut rng = stream(7, "damage", &[]);
    for _ in 0..400 {
        let mut bytes = intact.clone();
        for _ in 0..=below(3, &mut rng) {
            let at = below(bytes.len() as u64, &mut rng) as usize;
            bytes[at] = below(256, &mut rng) as u8;
        }
        fs::write(path, &bytes).unwrap();
        survives(source, file);
    }
}

#[test]
fn damaged_tar_files_are_refused() {
    let root = tempfile::tempdir().unwrap();
    write_shard(&root.path().join("test.tar"), &[(8, "a"), (9, "b")]);
    let path = root.path().join("train.tar");
    write_shard(&path, &[(1, "a"), (2, "b"), (3, "a")]);
    damage(&config(&root, "webdataset = { train = 'ROOT/train.tar', test = 'ROOT/test.tar' }"), &path);
}

#[test]
fn damaged_parquet_files_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let images = |numbers: std::ops::Range<u64>| {
        numbers.map(|number| (Some(png(number)), Some(number as i64 % 2))).collect::<Vec<_>>()
    };
    rows::write(&root.path().join("test.parquet"), &[images(8..10)], rows::snappy(&["a", "b"]));
    let path = root.path().join("train.parquet");
    rows::write(&path, &[images(0..2), images(2..4)], rows::snappy(&["a", "b"]));
    damage(&config(&root, "parquet = { train = 'ROOT/train.parquet', test = 'ROOT/test.parquet' }"), &path);
}

#[test]
fn a_deep_schema_does_not_overflow_the_stack() {
    let root = tempfile::tempdir().unwrap();
    let groups: u8 = 100;
    // Metadata with a schema of 100 * 128 groups inside each other, in Thrift's compact protocol.
    let mut metadata = vec![0x15, 2, 0x19, 0xfc, 0x80, groups];
    (1..usize::from(groups) * 128).for_each(|_| metadata.extend([0x48, 1, b'a', 0x15, 2, 0]));
    metadata.extend([0x15, 12, 0x38, 1, b'b', 0, 0x16, 0, 0x19, 0x0c, 0]);
    let length = (metadata.len() as u32).to_le_bytes();
    fs::write(root.path().join("deep.parquet"), [b"PAR1", metadata.as_slice(), &length, b"PAR1"].concat()).unwrap();
    let source = config(&root, "parquet = { train = 'ROOT', labels = false }");
    refused(&source, "deep.parquet", "the schema has more than 100 levels");
}

#[test]
fn misleading_tar_files_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("bad.tar");
    let source = config(&root, "webdataset = { train = 'ROOT/bad.tar', labels = false }");
    let image = png(1);
    // Writes a header as it is, the image and an end mark.
    let write = |change: &dyn Fn(&mut Header)| {
        let mut header = Header::new_gnu();
        header.set_path("1.png").unwrap();
        header.set_size(image.len() as u64);
        change(&mut header);
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend(&image);
        bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
        fs::write(&path, bytes).unwrap();
    };
    write(&|_| {});
    assert!(survives(&source, "bad.tar"));
    let name = |name: &'static [u8]| {
        move |header: &mut Header| {
            header.as_mut_bytes()[..100].fill(0);
            header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        }
    };
    let kind = |kind: EntryType| move |header: &mut Header| header.set_entry_type(kind);
    for (change, problem) in [
        (&name(b"a/../../1.png") as &dyn Fn(&mut Header), "leads out of the tar file"),
        (&name(b"/etc/1.png"), "leads out of the tar file"),
        (&name(b"\xff.png"), "not UTF-8"),
        (&kind(EntryType::Symlink), "a link or a device"),
        (&kind(EntryType::Char), "a link or a device"),
        (&kind(EntryType::GNUSparse), "cannot read"),
        (&|header: &mut Header| header.set_size(1 << 40), "the member has 1099511627776 bytes"),
        (&|header: &mut Header| header.set_size(u64::MAX), "size overflow"),
        (&|header: &mut Header| header.as_mut_bytes()[124..136].fill(b'x'), "cannot read the next header"),
    ] {
        write(change);
        refused(&source, "bad.tar", problem);
    }
    let long = "a".repeat(300) + "/1.png";
    write_tar(&path, &[(&long, &image)]);
    assert!(survives(&source, "bad.tar"));
    fs::write(&path, [0x1f, 0x8b, 8, 0, 0]).unwrap();
    refused(&source, "bad.tar", "compressed with gzip");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused(&source, "bad.tar", "there are no such files");
}
