//! Parquet files as Hugging Face `datasets` writes them.

use super::{config, decoded, error, expected, png, print, refused, sizes};
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use simclr::dataset::Part;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// The columns of an image and its label, as `datasets` declares them.
const SCHEMA: &str = "message schema {
    optional group image { optional binary bytes; optional binary path (STRING); }
    optional int64 label;
}";
const TEXTS: &str = "message schema { required binary photo; required binary kind (STRING); }";

/// Bytes of an image and a label; `None` for null.
type Row<T> = (Option<Vec<u8>>, Option<T>);

fn rows(numbers: impl IntoIterator<Item = (u64, i64)>) -> Vec<Row<i64>> {
    numbers.into_iter().map(|(number, label)| (Some(png(number)), Some(label))).collect()
}

pub(crate) fn snappy(names: &[&str]) -> WriterProperties {
    let metadata = serde_json::json!({ "info": { "features": {
        "image": { "_type": "Image" },
        "label": { "names": names, "_type": "ClassLabel" },
    } } });
    let metadata = (!names.is_empty()).then(|| vec![KeyValue::new("huggingface".to_owned(), metadata.to_string())]);
    WriterProperties::builder().set_compression(Compression::SNAPPY).set_key_value_metadata(metadata).build()
}

fn bytes(group: &mut SerializedRowGroupWriter<'_, File>, values: &[Option<Vec<u8>>], present: i16) {
    let mut column = group.next_column().unwrap().unwrap();
    let levels: Vec<i16> = values.iter().map(|value| present - i16::from(value.is_none())).collect();
    let values: Vec<ByteArray> = values.iter().flatten().map(|value| ByteArray::from(value.clone())).collect();
    column.typed::<ByteArrayType>().write_batch(&values, (present > 0).then_some(&levels), None).unwrap();
    column.close().unwrap();
}

/// Writes a file in the form of `datasets`, with a row group for each list of rows.
pub(crate) fn write(path: &Path, groups: &[Vec<Row<i64>>], properties: WriterProperties) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    for rows in groups {
        let mut group = writer.next_row_group().unwrap();
        let (images, labels): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
        bytes(&mut group, &images, 2);
        bytes(&mut group, &vec![None; images.len()], 2);
        let mut column = group.next_column().unwrap().unwrap();
        let levels: Vec<i16> = labels.iter().map(|label| i16::from(label.is_some())).collect();
        let labels: Vec<i64> = labels.into_iter().flatten().collect();
        column.typed::<Int64Type>().write_batch(&labels, Some(&levels), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// Writes a file with required columns of binary data and of text.
fn write_texts(path: &Path, rows: &[(u64, &str)]) {
    let schema = Arc::new(parse_message_type(TEXTS).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    bytes(&mut group, &rows.iter().map(|(number, _)| Some(png(*number))).collect::<Vec<_>>(), 0);
    bytes(&mut group, &rows.iter().map(|(_, label)| Some(label.as_bytes().to_vec())).collect::<Vec<_>>(), 0);
    group.close().unwrap();
    writer.close().unwrap();
}

/// Returns the row of a name, which is the number of its image here.
fn row(name: &str) -> u64 {
    name.split(['[', ']']).nth(1).unwrap().parse().unwrap()
}

#[test]
fn rows_of_several_groups_and_files_are_images_with_named_labels() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    let groups: Vec<_> = (0..10).map(|group| rows((0..7).map(|row| (7 * group + row, row as i64 % 2)))).collect();
    write(&path("data/train-00000-of-00001.parquet"), &groups, snappy(&["ant", "bee"]));
    write(&path("data/test-00000-of-00001.parquet"), &[rows([(0, 1), (1, 0)])], snappy(&["ant", "bee"]));
    let source = "parquet = { train = 'ROOT/data/train-*.parquet', test = 'ROOT/data/test-*.parquet' }";
    let source = config(&root, source);
    assert_eq!(sizes(&print(&source)), [("ant", 40, 0, 1), ("bee", 30, 0, 1)]);
    let images = decoded(&source, row);
    assert_eq!(
        images[..2],
        expected(&[
            ("train-00000-of-00001.parquet[0]", "ant", Part::Training),
            ("train-00000-of-00001.parquet[1]", "bee", Part::Training),
        ])
    );
    assert_eq!(
        (images.len(), images[71].clone()),
        (72, expected(&[("test-00000-of-00001.parquet[1]", "ant", Part::Test)])[0].clone())
    );
    fs::write(path("names.txt"), "x\ny\n").unwrap();
    let renamed =
        "parquet = { train = 'ROOT/data/train-*.parquet', test_fraction = 0.5, class_names = 'ROOT/names.txt' }";
    assert_eq!(sizes(&print(&config(&root, renamed))), [("x", 20, 0, 20), ("y", 15, 0, 15)]);
}

#[test]
fn labels_are_texts_or_numbers_and_images_need_none() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    write_texts(&path("texts.parquet"), &[(0, "ant"), (1, "bee"), (2, "ant"), (3, "bee")]);
    let texts = "parquet = { train = 'ROOT/texts.parquet', image = 'photo', label = 'kind', test_fraction = 0.5 }";
    let texts = config(&root, texts);
    assert_eq!(decoded(&texts, row).len(), 4);
    assert_eq!(sizes(&print(&texts)), [("ant", 1, 0, 1), ("bee", 1, 0, 1)]);
    write(&path("numbers.parquet"), &[rows([(0, 10), (1, 9), (2, 10), (3, 9)])], snappy(&[]));
    let numbers = config(&root, "parquet = { train = 'ROOT/numbers.parquet', test_fraction = 0.5 }");
    assert_eq!(sizes(&print(&numbers)), [("9", 1, 0, 1), ("10", 1, 0, 1)]);
    let unlabeled = config(&root, "parquet = { train = 'ROOT/numbers.parquet', labels = false }");
    assert_eq!(sizes(&print(&unlabeled)), [("", 4, 0, 0)]);
    assert_eq!(decoded(&unlabeled, row).len(), 4);
    let more = "parquet = { train = 'ROOT/texts.parquet', image = 'photo', label = 'none' }";
    refused(&config(&root, more), "texts.parquet", "there is no column `none`; the columns are `photo`, `kind`");
    let wrong = "parquet = { train = 'ROOT/numbers.parquet', image = 'label', labels = false }";
    refused(&config(&root, wrong), "numbers.parquet", "the column `label` has no binary data");
}

#[test]
fn rows_that_are_not_valid_are_reported_with_their_numbers() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("0.parquet");
    let source = config(&root, "parquet = { train = 'ROOT' }");
    let intact = rows((0..8).map(|number| (number, number as i64 % 2)));
    let names = || snappy(&["ant", "bee"]);
    let mut labels = intact.clone();
    (labels[2].1, labels[5].1, labels[6].1) = (None, Some(-1), Some(2));
    write(&path, &[intact.clone(), labels.clone()], names());
    let text = error(&source).to_string();
    for part in
        ["3 images are not valid", "row 10: there is no label", "row 13: the label is `-1`", "row 14: the label is `2`"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let mut images = intact.clone();
    (images[3].0, images[4].0, images[5].0) = (None, Some(Vec::new()), Some(b"text".to_vec()));
    write(&path, &[intact.clone(), images], names());
    let text = error(&source).to_string();
    for part in [
        "3 files cannot be decoded",
        "0.parquet[11]: the column `image` has no image",
        "0.parquet[12]: ",
        "0.parquet[13]: ",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    write(&path, std::slice::from_ref(&intact), snappy(&["ant", "ant"]));
    refused(&source, "0.parquet", "classes 0 and 1 have the same name");
    write(&path, &[], names());
    refused(&source, "", "there are no images");
    fs::write(&path, "PAR1 text").unwrap();
    refused(&source, "0.parquet", "cannot read it as Parquet");
    fs::write(&path, "").unwrap();
    refused(&source, "0.parquet", "cannot read it as Parquet");
}
