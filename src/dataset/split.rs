//! The split into training, validation and test images.

use crate::dataset::fingerprint::{ClassSize, Fingerprint};
use crate::dataset::hold_out::{first_by_hash, groups_to_hold_out};
use crate::dataset::image_id::ImageId;
use crate::dataset::source::fraction_of;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Numbers of images of a class by subset of the split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClassCount {
    /// Name of the class.
    pub name: String,
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub validation: usize,
    /// Test images.
    pub test: usize,
}

/// A split of the images: sorted indices, each in exactly one of the three subsets.
///
/// Its file has no test images: what is trained without labels does not depend on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Training images.
    pub train: Vec<usize>,
    /// Validation images, for early stopping.
    pub validation: Vec<usize>,
    /// Test images, for the results.
    #[serde(skip)]
    pub test: Vec<usize>,
}

impl Split {
    /// Holds out `round(validation_fraction * n)` of the `n` images with these identities for validation; `tests` test
    /// images follow them.
    ///
    /// The choice depends on the identities alone: it is the same for other names and labels, and changes little when
    /// images are added.
    pub fn sample(ids: &[impl Display + Sync], tests: usize, validation_fraction: f64, seed: u64) -> Self {
        Self::without(held_out(ids, validation_fraction, seed), ids.len(), tests)
    }

    /// Holds out whole groups of images for validation, whose number of images is about the fraction; `groups` has the
    /// name of the group of each image. Images whose group has an empty name are not held out.
    ///
    /// The choice depends on the names of the groups and their numbers of images alone.
    pub fn sample_groups(groups: &[&str], tests: usize, validation_fraction: f64, seed: u64) -> Self {
        Self::without(held_out_groups(groups, validation_fraction, seed), groups.len(), tests)
    }

    fn without(mut validation: Vec<usize>, images: usize, tests: usize) -> Self {
        validation.sort_unstable();
        let train = (0..images).filter(|image| validation.binary_search(image).is_err()).collect();
        Self { train, validation, test: (images..images + tests).collect() }
    }

    /// Checks a split that was read from a file: no image may occur twice, and the test subset must agree with
    /// `is_test`.
    ///
    /// # Errors
    /// What is wrong, as a phrase.
    pub fn check(&self, is_test: &[bool]) -> Result<(), String> {
        let mut is_unused = vec![true; is_test.len()];
        let subsets = [(&self.train, false), (&self.validation, false), (&self.test, true)];
        for (image, in_test) in
            subsets.into_iter().flat_map(|(subset, in_test)| subset.iter().map(move |i| (*i, in_test)))
        {
            match is_unused.get_mut(image) {
                None => return Err(format!("it has an image {image}, but there are {} images", is_test.len())),
                Some(is_unused) if !*is_unused => return Err(format!("it has image {image} twice")),
                Some(_) if is_test[image] != in_test => {
                    return Err(format!("it has image {image} in the wrong subset"));
                }
                Some(is_unused) => *is_unused = false,
            }
        }
        Ok(())
    }
}

fn held_out(ids: &[impl Display + Sync], validation_fraction: f64, seed: u64) -> Vec<usize> {
    first_by_hash("split", seed, ids, fraction_of(validation_fraction, ids.len()))
}

fn held_out_groups(groups: &[&str], validation_fraction: f64, seed: u64) -> Vec<usize> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(image, group)| by_name.entry(group).or_default().push(image));
    by_name.remove("");
    let sizes: Vec<(&str, usize)> = by_name.iter().map(|(name, images)| (*name, images.len())).collect();
    let count = fraction_of(validation_fraction, groups.len());
    let chosen = groups_to_hold_out("split", seed, &sizes, count);
    chosen.into_iter().flat_map(|group| by_name[sizes[group].0].clone()).collect()
}

/// Returns the numbers of images of each class that [`Split::sample`] gives, or [`Split::sample_groups`] if there are groups.
pub fn split_sizes(fingerprint: &Fingerprint, validation_fraction: f64, seed: u64) -> Vec<ClassCount> {
    let whole = |ClassSize { name, train, validation, test }: &ClassSize| ClassCount {
        name: name.clone(),
        train: *train,
        validation: *validation,
        test: *test,
    };
    let mut sizes: Vec<_> = fingerprint.classes.iter().map(whole).collect();
    let training = &fingerprint.training;
    let groups: Option<Vec<&str>> = training.iter().map(|image| image.group.as_deref()).collect();
    let validation = match groups {
        Some(groups) => held_out_groups(&groups, validation_fraction, seed),
        None => {
            let ids: Vec<ImageId> = training.iter().map(|image| image.id).collect();
            held_out(&ids, validation_fraction, seed)
        }
    };
    for image in validation {
        let size = &mut sizes[training[image].label];
        size.train -= 1;
        size.validation += 1;
    }
    sizes
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dataset::TrainingImage;
    use std::collections::HashSet;
    use std::sync::Arc;

    const TESTS: usize = 32;

    /// Identities and labels of 128 training images of three classes of 80, 40 and 8, and 32 test images.
    pub(in crate::dataset) fn images() -> (Vec<ImageId>, Vec<usize>) {
        let label = |i| usize::from(i >= 80) + usize::from(i >= 120);
        ((0..128).map(ImageId::Number).collect(), (0..128 + TESTS).map(|i| label(i % 128)).collect())
    }

    pub(in crate::dataset) fn sample(ids: &[ImageId], seed: u64) -> Split {
        Split::sample(ids, TESTS, 0.1, seed)
    }

    #[test]
    fn every_image_is_in_one_subset_and_sizes_are_those_of_the_split() {
        let (ids, labels) = images();
        let split = sample(&ids, 7);
        let all: HashSet<usize> = split.train.iter().chain(&split.validation).chain(&split.test).copied().collect();
        assert_eq!((all.len(), split.train.len(), split.validation.len(), split.test.len()), (160, 115, 13, 32));
        let class = |name: &str, train| ClassSize { name: name.to_owned(), train, ..ClassSize::default() };
        let image = |(&id, &label): (&ImageId, &usize)| TrainingImage { id, label, group: None };
        let fingerprint = Fingerprint {
            classes: vec![class("a", 80), class("b", 40), class("c", 8)],
            training: Arc::new(ids.iter().zip(&labels).map(image).collect()),
            ..Fingerprint::default()
        };
        let count = |part: &[usize], class| part.iter().filter(|&&image| labels[image] == class).count();
        for (class, expected) in split_sizes(&fingerprint, 0.1, 7).into_iter().enumerate() {
            assert_eq!(
                (count(&split.train, class), count(&split.validation, class)),
                (expected.train, expected.validation)
            );
        }
        assert_eq!(split, sample(&ids, 7));
        assert_ne!(split, sample(&ids, 8));
    }

    #[test]
    fn the_validation_images_change_little_when_images_are_added() {
        let (mut ids, _) = images();
        let held_out = |ids: &[ImageId]| -> HashSet<ImageId> {
            sample(ids, 7).validation.into_iter().map(|image| ids[image]).collect()
        };
        let before = held_out(&ids);
        ids.insert(3, ImageId::Number(128));
        assert!(before.difference(&held_out(&ids)).count() <= 1);
    }

    #[test]
    fn no_group_is_on_both_sides_of_the_split() {
        let names: Vec<String> = (0..128).map(|image| format!("patient {}", image / 5)).collect();
        let mut groups: Vec<&str> = names.iter().map(String::as_str).collect();
        groups[..5].fill("");
        let split = Split::sample_groups(&groups, TESTS, 0.2, 7);
        assert_eq!((split.validation.len(), split.train.len()), (25, 103));
        let held_out: HashSet<&str> = split.validation.iter().map(|image| groups[*image]).collect();
        assert_eq!(held_out.len(), 5);
        assert!(split.train.iter().all(|image| !held_out.contains(groups[*image])));
        assert!(Split::sample_groups(&["", "", "only"], 0, 0.9, 7).validation.is_empty());
        let image = |(position, group): (usize, &&str)| TrainingImage {
            id: ImageId::Number(position as u32),
            label: position % 2,
            group: Some((*group).into()),
        };
        let class = ClassSize { train: 64, ..ClassSize::default() };
        let fingerprint = Fingerprint {
            classes: vec![class.clone(), class],
            training: Arc::new(groups.iter().enumerate().map(image).collect()),
            ..Fingerprint::default()
        };
        let count = |images: &[usize], class| images.iter().filter(|image| **image % 2 == class).count();
        let expected = |class| ClassCount {
            name: String::new(),
            train: count(&split.train, class),
            validation: count(&split.validation, class),
            test: 0,
        };
        assert_eq!(split_sizes(&fingerprint, 0.2, 7), [0, 1].map(expected));
    }

    #[test]
    fn a_split_that_does_not_match_the_images_is_refused() {
        let (ids, labels) = images();
        let split = sample(&ids, 7);
        let is_test: Vec<bool> = (0..labels.len()).map(|image| image >= ids.len()).collect();
        assert_eq!(split.check(&is_test), Ok(()));
        let refused = |change: fn(&mut Split)| {
            let mut split = split.clone();
            change(&mut split);
            split.check(&is_test).unwrap_err()
        };
        assert!(refused(|split| split.train[0] = 160).contains("160 images"));
        assert!(refused(|split| split.train[0] = usize::MAX).contains("160 images"));
        assert!(refused(|split| split.train[1] = split.train[0]).contains("twice"));
        assert!(refused(|split| split.validation.extend(split.train.first().copied())).contains("twice"));
        assert!(refused(|split| std::mem::swap(&mut split.test, &mut split.validation)).contains("wrong subset"));
    }
}
