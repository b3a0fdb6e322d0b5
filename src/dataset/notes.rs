//! Caveats about the data that the user should know before training.

use crate::dataset::Fingerprint;
use crate::dataset::config::{DatasetConfig, SourceConfig};

/// Images in each of the five training files of CIFAR-10 and in its test file.
const CIFAR10_RECORDS: usize = 10_000;
const CIFAR10_TRAINING_FILES: usize = 5;

/// Returns notes, as sentences, on why results on this data can mislead; nothing is decoded.
pub fn notes(config: &DatasetConfig, fingerprint: &Fingerprint) -> Vec<String> {
    let test: usize = fingerprint.classes.iter().map(|class| class.test).sum();
    let train: usize = fingerprint.classes.iter().map(|class| class.train).sum();
    let incomplete = match &config.source {
        SourceConfig::Cifar10(_) => incomplete_cifar10(train, test),
        _ => None,
    };
    incomplete.into_iter().collect()
}

/// Returns a note if the data has fewer images than CIFAR-10, so that results are not comparable with published ones.
fn incomplete_cifar10(train: usize, test: usize) -> Option<String> {
    let published = (CIFAR10_TRAINING_FILES * CIFAR10_RECORDS, CIFAR10_RECORDS);
    ((train, test) != published).then(|| {
        format!(
            "this is a subset of CIFAR-10, with {train} of its {} training images and {test} of its {} test images: \
             results cannot be compared with published ones",
            published.0, published.1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subset_of_cifar10_is_reported() {
        assert_eq!(incomplete_cifar10(50_000, 10_000), None);
        let note = incomplete_cifar10(10_000, 2_000).unwrap();
        assert!(note.contains("10000 of its 50000 training images and 2000 of its 10000 test images"), "{note}");
    }
}
