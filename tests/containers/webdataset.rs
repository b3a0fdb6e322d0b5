//! Tar files as WebDataset writes them.

use super::{config, decoded, error, expected, number_of, png, print, refused, sizes, write_tar};
use simclr::dataset::Part;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Writes images with numbers and labels in text.
pub(crate) fn write_shard(path: &Path, images: &[(u64, &str)]) {
    let contents: Vec<(String, Vec<u8>)> = images
        .iter()
        .flat_map(|(number, label)| {
            [(format!("{number}.png"), png(*number)), (format!("{number}.cls"), format!("{label}\n").into_bytes())]
        })
        .collect();
    let members: Vec<(&str, &[u8])> =
        contents.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    write_tar(path, &members);
}

/// Writes training shards with four images and a test shard with two.
fn shards() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write_shard(&root.path().join("train-08.tar"), &[(1, "cat"), (2, "dog")]);
    write_shard(&root.path().join("train-09.tar"), &[(3, "dog")]);
    write_shard(&root.path().join("train-10.tar"), &[(4, "cat")]);
    write_shard(&root.path().join("test/0.tar"), &[(5, "dog"), (6, "cat")]);
    root
}

fn images() -> Vec<super::Decoded> {
    expected(&[
        ("train-08.tar/1.png", "cat", Part::Training),
        ("train-08.tar/2.png", "dog", Part::Training),
        ("train-09.tar/3.png", "dog", Part::Training),
        ("train-10.tar/4.png", "cat", Part::Training),
        ("0.tar/5.png", "dog", Part::Test),
        ("0.tar/6.png", "cat", Part::Test),
    ])
}

#[test]
fn shards_are_a_pattern_a_directory_or_a_file() {
    let root = shards();
    for train in ["ROOT/train-{08..10}.tar", "ROOT/train-*.tar", "ROOT"] {
        let source = config(&root, &format!("webdataset = {{ train = '{train}', test = 'ROOT/test/0.tar' }}"));
        assert_eq!(decoded(&source, number_of), images(), "{train}");
    }
    let missing = config(&root, "webdataset = { train = 'ROOT/train-{08..11}.tar', test = 'ROOT/test' }");
    refused(&missing, "train-11.tar", "cannot read");
    let none = config(&root, "webdataset = { train = 'ROOT/valid-*.tar', test = 'ROOT/test' }");
    refused(&none, "valid-*.tar", "there are no such files");
    let twice = config(&root, "webdataset = { train = 'ROOT', test = 'ROOT/train-08.tar' }");
    refused(&twice, "train-08.tar", "named in `train` and in `test`");
}

#[test]
fn labels_are_texts_numbers_of_names_or_in_json() {
    let root = tempfile::tempdir().unwrap();
    for (path, first) in [("train.tar", 0), ("test.tar", 2)] {
        let (a, b) = (png(first), png(first + 1));
        let members: [(&str, &[u8]); 8] = [
            ("README.md", b"not a sample"),
            ("./x/0.seg.png", b"a mask"),
            (&format!("./x/{first}.JPG"), &a),
            (&format!("./x/{first}.json"), br#"{"class": 1, "width": 12}"#),
            (&format!("./x/{first}.txt"), b"a caption"),
            (&format!("y/{}.json", first + 1), br#"{"class": "0"}"#),
            (&format!("y/{}.JPG", first + 1), &b),
            ("y/.hidden.png", b""),
        ];
        write_tar(&root.path().join(path), &members[if first == 0 { 2 } else { 0 }..]);
    }
    fs::write(root.path().join("names.txt"), "ant\nbee\n").unwrap();
    let files = "train = 'ROOT/train.tar', test = 'ROOT/test.tar', image = 'jpg'";
    let source = config(&root, &format!("webdataset = {{ {files}, label = 'json', label_key = 'class' }}"));
    assert_eq!(sizes(&print(&source)), [("0", 1, 0, 1), ("1", 1, 0, 1)]);
    let named = "label = 'json', label_key = 'class', class_names = 'ROOT/names.txt'";
    let named = config(&root, &format!("webdataset = {{ {files}, {named} }}"));
    let images = [
        ("train.tar/x/0.JPG", "bee", Part::Training),
        ("train.tar/y/1.JPG", "ant", Part::Training),
        ("test.tar/x/2.JPG", "bee", Part::Test),
        ("test.tar/y/3.JPG", "ant", Part::Test),
    ];
    assert_eq!(decoded(&named, number_of), expected(&images));
    assert_eq!(print(&named).pixels, print(&source).pixels);
    fs::write(root.path().join("names.txt"), "ant\n\nant\n").unwrap();
    refused(&named, "names.txt", "classes 0 and 1 have the same name, `ant`");
}

#[test]
fn images_need_no_labels() {
    let root = shards();
    write_tar(&root.path().join("more/0.tar"), &[("9.png", &png(9)), ("8.png", &png(8))]);
    let source = config(&root, "webdataset = { train = 'ROOT', test = 'ROOT/test', unlabeled = 'ROOT/more' }");
    let labeled = config(&root, "webdataset = { train = 'ROOT', test = 'ROOT/test' }");
    let (print_source, print_labeled) = (print(&source), print(&labeled));
    assert_eq!((print_source.unlabeled, &print_source.content), (2, &print_labeled.content));
    assert_eq!(decoded(&source, number_of), images());
    let alone = config(&root, "webdataset = { train = 'ROOT/more', labels = false }");
    assert_eq!(sizes(&print(&alone)), [("", 2, 0, 0)]);
    let needed = config(&root, "webdataset = { train = 'ROOT/more', test = 'ROOT/test' }");
    refused(&needed, "more/0.tar", "9: there is an image, but no label `cls`");
}

#[test]
fn all_problems_of_a_shard_are_reported_with_their_samples() {
    let root = shards();
    let image = png(1);
    let source = config(&root, "webdataset = { train = 'ROOT/bad.tar', test = 'ROOT/test' }");
    let bad = |members: &[(&str, &[u8])]| write_tar(&root.path().join("bad.tar"), members);
    bad(&[("1.png", &image), ("2.cls", b"cat"), ("3.png", &image), ("3.cls", b"\xff")]);
    let text = error(&source).to_string();
    for part in [
        "3 images are not valid",
        "1: there is an image, but no label `cls`",
        "2: there is a label, but no image",
        "3: the label is not UTF-8",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for (members, problem) in [
        (&[("1.png", image.as_slice()), ("1.jpg", &image), ("1.cls", b"cat")][..], "there are two images"),
        (&[("1.png", &image), ("1.cls", b"cat"), ("1.cls", b"dog")], "there are two labels"),
        (
            &[
                ("1.png", &image),
                ("1.cls", b"cat"),
                ("2.png", &image),
                ("2.cls", b"dog"),
                ("1.cls", b"dog"),
                ("1.png", &image),
            ],
            "the name occurs twice",
        ),
        (&[("1.png", &image), ("1.cls", b"")], "the label is empty"),
        (&[("1.png", &image), ("1.cls", b"a\x1b[2J")], "control or invisible characters"),
        (&[("1.png", &image), ("1.cls", &[b'a'; 2 << 20])], "the label has 2"),
        (&[("1.png", b""), ("1.cls", b"cat"), ("2.png", &image), ("2.cls", b"dog")], "bad.tar/1.png"),
        (&[("README", b"text")], "there are no images"),
        (&[], "there are no images"),
    ] {
        bad(members);
        refused(&source, "", problem);
    }
}
