//! Test images that are held out of container files.

use super::webdataset::write_shard;
use super::{config, decoded, number_of, print, sizes};
use simclr::dataset::Part;
use std::collections::HashSet;

#[test]
fn test_images_are_held_out_by_class_and_decide_the_keys() {
    let root = tempfile::tempdir().unwrap();
    let images: Vec<(u64, &str)> = (0..40).map(|number| (number, if number < 30 { "a" } else { "b" })).collect();
    write_shard(&root.path().join("0.tar"), &images[..25]);
    write_shard(&root.path().join("1.tar"), &images[25..]);
    let with = |fraction: f64| config(&root, &format!("webdataset = {{ train = 'ROOT', test_fraction = {fraction} }}"));
    let (fifth, half) = (with(0.2), with(0.5));
    assert_eq!(sizes(&print(&fifth)), [("a", 24, 0, 6), ("b", 8, 0, 2)]);
    let numbers = |part: Part| -> HashSet<u64> {
        decoded(&fifth, number_of).iter().filter(|image| image.2 == part).map(|image| number_of(&image.0)).collect()
    };
    let (train, test) = (numbers(Part::Training), numbers(Part::Test));
    assert_eq!((train.len(), test.len(), train.intersection(&test).count()), (32, 8, 0));
    let (fifth, half) = (print(&fifth), print(&half));
    assert_ne!(fifth.pixels(Part::Training), fifth.pixels(Part::Test));
    assert_ne!(fifth.pixels(Part::Training), half.pixels(Part::Training));
    assert_ne!(fifth.pixels(Part::Test), half.pixels(Part::Test));
    assert_ne!(fifth.content, half.content);
}
