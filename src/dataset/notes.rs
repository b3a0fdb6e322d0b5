//! What a user should know of the data before training on it.

use crate::dataset::Fingerprint;
use crate::dataset::config::{DatasetConfig, SourceConfig};

/// Images of each of the five training files of CIFAR-10 and of its test file.
const CIFAR10_RECORDS: usize = 10_000;
const CIFAR10_TRAINING_FILES: usize = 5;

/// Sentences on what makes results of this data other than they seem; nothing is decoded.
pub fn notes(config: &DatasetConfig, fingerprint: &Fingerprint) -> Vec<String> {
    let test: usize = fingerprint.classes.iter().map(|class| class.test).sum();
    let train: usize = fingerprint.classes.iter().map(|class| class.train).sum();
    let incomplete = match &config.source {
        SourceConfig::Cifar10(_) => incomplete_cifar10(train, test),
        _ => None,
    };
    incomplete.into_iter().collect()
}

/// Fewer images than CIFAR-10 has, so that results are not comparable with published ones.
fn incomplete_cifar10(train: usize, test: usize) -> Option<String> {
    let published = (CIFAR10_TRAINING_FILES * CIFAR10_RECORDS, CIFAR10_RECORDS);
    ((train, test) != published).then(|| {
        format!(
            "this is a part of CIFAR-10, {train} of its {} training images and {test} of its {} test images: results \
             cannot be compared with published ones",
            published.0, published.1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_cifar10_is_said_to_be_one() {
        assert_eq!(incomplete_cifar10(50_000, 10_000), None);
        let note = incomplete_cifar10(10_000, 2_000).unwrap();
        assert!(note.contains("10000 of its 50000 training images and 2000 of its 10000 test images"), "{note}");
    }
}
