//! Networks that a study compares but trains differently are reported before anything is trained.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use simclr::pipeline::{assemble, parse};
use std::path::Path;

/// 1,000 training images; 50 epochs of 10 steps of 100 images.
const STUDY: &str = r#"
[dataset]
source = { shapes = { train = 1000, test = 100 } }
image_size = 32
validation_fraction = 0.0
[augment.crops]
ops = [{ random_resized_crop = {} }, { horizontal_flip = {} }]
[augment.flips]
ops = [{ horizontal_flip = {} }]
[pretrain.main]
augment = "crops"
encoder = { tiny = {} }
projection = { layers = [16] }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 50
batch_size = 100
[pretrain.untrained]
augment = "crops"
encoder = { tiny = {} }
projection = { layers = [16] }
optimizer = { adam = { learning_rate = 1e-3 } }
epochs = 0
batch_size = 100
[supervised.scratch]
encoder = { tiny = {} }
batch_size = 50
"#;

fn warnings(more: &str) -> Vec<String> {
    let loaded = parse(&format!("{STUDY}{more}"), Path::new("study.toml"), &[]).unwrap();
    let output = tempfile::tempdir().unwrap();
    assemble(&loaded, output.path(), None).unwrap_or_else(|_| panic!("no graph")).warnings
}

#[test]
fn networks_that_are_trained_alike_are_not_reported() {
    assert_eq!(warnings(""), [""; 0]);
    assert_eq!(warnings("labeled_fraction = [0.01, 1.0]"), [""; 0]);
}

#[test]
fn a_baseline_with_few_steps_is_reported_with_both_numbers() {
    let [warning] = warnings("labeled_fraction = [0.1, 1.0]\nepochs = 60").try_into().unwrap();
    assert_eq!(
        warning,
        "`supervised.scratch` with 10 % of the labels trains for 120 steps (6,000 images) but `pretrain.main` for 500 \
             steps (100,000 images, counting both views), so a difference between them may partly be due to training \
             length; train `[supervised.scratch]` for more `steps`"
    );
    assert_eq!(warnings("steps = 500"), [""; 0], "a factor of 4");
    assert_eq!(warnings("steps = 499").len(), 1);
    assert_eq!(warnings("labeled_fraction = 0.01\nsteps = 500"), [""; 0], "few images, but as many steps");
    assert_eq!(warnings("labeled_fraction = 0.01\nsteps = 499").len(), 1);
    assert_eq!(warnings("steps = 8000"), [""; 0]);
    let [warning] = warnings("steps = 8001").try_into().unwrap();
    assert!(warning.ends_with("train `[pretrain.main]` for more `epochs`"), "{warning}");
}

#[test]
fn a_baseline_without_augmentation_or_without_crops_is_reported() {
    let [warning] = warnings("augment = \"none\"").try_into().unwrap();
    assert!(warning.contains("is trained without augmentation, unlike `pretrain.main`, so"), "{warning}");
    let [warning] = warnings("augment = \"flips\"").try_into().unwrap();
    assert!(warning.contains("is trained without random crops, unlike `pretrain.main`, so"), "{warning}");
}

#[test]
fn a_fine_tuned_network_is_compared_with_one_from_scratch_with_the_same_labels() {
    let tuned = "labeled_fraction = [0.1, 1.0]\n[supervised.tuned]\nencoder = { tiny = {} }\ninit_from = \"main\"\n";
    assert_eq!(warnings(tuned), [""; 0]);
    let [warning] = warnings(&format!("{tuned}labeled_fraction = 0.1\nsteps = 200")).try_into().unwrap();
    assert!(warning.contains("with 10 % of the labels trains for 2,000 steps (100,000 images)"), "{warning}");
    assert!(
        warning.contains("`supervised.tuned` for 200 steps (") && warning.contains("[supervised.tuned]"),
        "{warning}"
    );
}

#[test]
fn another_encoder_is_not_compared() {
    let other = "steps = 1000\n[supervised.other]\nencoder = { tiny = { width = 0.5 } }\nsteps = 1\naugment = \"none\"";
    assert_eq!(warnings(other), [""; 0]);
}
