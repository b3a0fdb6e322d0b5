//! A source whose images are identified by their content, with its test images held out.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::DatasetConfig;
use crate::dataset::fingerprint::{SourceFile, SourceFiles};
use crate::dataset::hold_out::{first_by_hash, groups_to_hold_out};
use crate::dataset::image_id::ImageId;
use crate::dataset::memo::{FileDigest, Memo};
use crate::dataset::names::Paths;
use crate::dataset::part::Part;
use crate::dataset::source::{ImageFiles, Listing, check_classes, fraction_of};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// Seed of the choice of test images: it does not change with the pipeline's seed, so that seeds compare.
const TEST_SEED: u64 = 0;

/// The listing of a source with the identity of each image.
pub(super) struct Contents {
    pub(super) listing: Listing,
    /// Identity of each image: the digest of its file, or its number among the images of its part, before test images are
    /// held out, if it has none of its own. It does not depend on names or labels.
    pub(super) ids: Vec<ImageId>,
    pub(super) has_file_per_image: bool,
    /// Files that have many images each, with their part.
    pub(super) shared: Vec<(SourceFile, Part)>,
    /// Files that only labels are read from.
    of_labels: Vec<SourceFile>,
    /// Fraction of the training images of each class that was held out for testing, if the source has no test images.
    pub(super) held_out: Option<f64>,
}

impl Contents {
    /// Lists a source and identifies its images. `memo` is as for [`fingerprint`](fn@super::fingerprint).
    ///
    /// # Errors
    /// The source is missing, unreadable or invalid, a class has no training or test images, a group is on both sides
    /// of a split, or the memo cannot be written.
    pub(super) fn open(config: &DatasetConfig, memo: &Path) -> Result<Self> {
        Self::of(Listing::unchecked(config, memo)?.checked(config)?, config, memo)
    }

    /// Identifies the images of a source that is already listed, as [`Contents::open`] does.
    ///
    /// # Errors
    /// As for [`Contents::open`], but for the listing.
    pub(super) fn of(listing: Listing, config: &DatasetConfig, memo: &Path) -> Result<Self> {
        let (mut ids, mut shared, mut has_file_per_image) = (Vec::new(), Vec::new(), false);
        match listing.images.reader.files() {
            ImageFiles::None => {}
            ImageFiles::OnePerImage(paths) => {
                has_file_per_image = true;
                ids = image_digests(paths, memo)?;
            }
            ImageFiles::Shared(paths) => {
                let (paths, parts): (Vec<&Path>, Vec<Part>) = paths.into_iter().unzip();
                shared = whole_files(&paths, memo)?.into_iter().zip(parts).collect();
            }
        }
        let of_labels = whole_files(&listing.labels.files, memo)?;
        let mut contents = Self { listing, ids, has_file_per_image, shared, of_labels, held_out: None };
        if !has_file_per_image {
            contents.number();
        }
        contents.hold_out_test();
        let source = config.source.source();
        check_classes(&contents.listing, source).map_err(|error| error.at(source.place()))?;
        Ok(contents)
    }

    /// Returns the files of the source; those of images under their names, in the part that they are in before test images
    /// are held out.
    pub(super) fn files(&self) -> SourceFiles {
        let part = |image: usize| match self.listing.parts[image] {
            Part::Test if self.held_out.is_some() => Part::Training,
            part => part,
        };
        let image = |image: usize| SourceFile {
            name: format!("{}/{}", part(image).name(), self.listing.images.names.get(image)),
            digest: self.ids[image],
        };
        let images = if self.has_file_per_image { self.ids.len() } else { 0 };
        let shared = self.shared.iter().map(|(file, _)| file);
        (0..images).map(image).chain(shared.chain(&self.of_labels).cloned()).collect()
    }

    /// Returns the images of a part in the order of their store: by content if each has its own file, so that moving or
    /// renaming files changes nothing, else in the order of the listing.
    pub(super) fn order(&self, part: Part) -> Vec<usize> {
        let mut images: Vec<usize> =
            (0..self.listing.len()).filter(|image| self.listing.parts[*image] == part).collect();
        if self.has_file_per_image {
            images.sort_by(|a, b| self.ids[*a].cmp(&self.ids[*b]));
        }
        images
    }

    /// Returns the digest of what the files of a part show; `None` for synthetic images.
    ///
    /// # Errors
    /// Bugs.
    pub(super) fn digest(&self, part: Part) -> Result<Option<String>> {
        if self.has_file_per_image {
            return hash::digest_list(self.order(part).into_iter().map(|image| self.ids[image])).map(Some);
        }
        let is_divided = self.held_out.is_some() && [Part::Training, Part::Test].contains(&part);
        let part_of_files = if is_divided { Part::Training } else { part };
        let files = self.shared.iter().filter(|(_, of)| *of == part_of_files).map(|(file, _)| file.digest);
        let files: Vec<ImageId> = files.collect();
        if files.is_empty() {
            return Ok(None);
        }
        if !is_divided {
            return hash::digest_json(&files).map(Some);
        }
        let ids: Vec<ImageId> = self.order(part).into_iter().map(|image| self.ids[image]).collect();
        hash::digest_json(&(files, ids)).map(Some)
    }

    /// Holds out test images if the source has none: the same fraction of each class, first by a hash of their content,
    /// or of the names of their groups. A group is of its most frequent class.
    fn hold_out_test(&mut self) {
        self.held_out = self.listing.test_fraction.take();
        let Some(fraction) = self.held_out else { return };
        let mut held_out = Vec::new();
        if let Some(groups) = &self.listing.groups {
            for of_class in self.groups_by_class(groups) {
                let images = of_class.iter().map(|(_, images)| images.len()).sum();
                let sizes: Vec<(&str, usize)> = of_class.iter().map(|(name, images)| (*name, images.len())).collect();
                let chosen = groups_to_hold_out("test split", TEST_SEED, &sizes, fraction_of(fraction, images));
                held_out.extend(chosen.into_iter().flat_map(|group| of_class[group].1.clone()));
            }
        } else {
            for images in self.listing.training_by_class() {
                let ids: Vec<ImageId> = images.iter().map(|image| self.ids[*image]).collect();
                let chosen = first_by_hash("test split", TEST_SEED, &ids, fraction_of(fraction, images.len()));
                held_out.extend(chosen.into_iter().map(|position| images[position]));
            }
        }
        held_out.into_iter().for_each(|image| self.listing.parts[image] = Part::Test);
    }

    /// Returns the groups whose most frequent class is each class, with their images. Groups that have images in other
    /// parts than training are left out.
    fn groups_by_class<'a>(&self, groups: &'a [Arc<str>]) -> Vec<Vec<(&'a str, Vec<usize>)>> {
        let classes = self.listing.labels.classes.len();
        let mut by_class = vec![Vec::new(); classes];
        for (name, images) in by_name(groups) {
            if images.iter().any(|image| self.listing.parts[*image] != Part::Training) {
                continue;
            }
            let mut counts = vec![0_usize; classes];
            images.iter().for_each(|image| counts[self.listing.labels.of_images[*image]] += 1);
            let most_frequent =
                (1..classes).fold(0, |best, class| if counts[class] > counts[best] { class } else { best });
            by_class[most_frequent].push((name, images));
        }
        by_class
    }

    /// Returns the groups that have images without labels: pretraining uses them, so that no image of these groups may be
    /// held out.
    pub(super) fn groups_of_unlabeled(&self) -> HashSet<&str> {
        let groups = self.listing.groups.iter().flatten().zip(&self.listing.parts);
        groups.filter(|(_, part)| **part == Part::Unlabeled).map(|(group, _)| group.as_ref()).collect()
    }

    /// Identifies images by their numbers within their parts.
    fn number(&mut self) {
        let mut next = [0_u32; Part::ALL.len()];
        let number = |part: &Part| {
            let next = &mut next[*part as usize];
            *next += 1;
            ImageId::Number(*next - 1)
        };
        self.ids = self.listing.parts.iter().map(number).collect();
    }
}

/// Returns the images of each group, in the order of the names.
fn by_name(groups: &[Arc<str>]) -> BTreeMap<&str, Vec<usize>> {
    let mut images: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(image, group)| images.entry(group).or_default().push(image));
    images
}

/// Returns files under their own names.
fn whole_files<P: AsRef<Path> + Sync>(paths: &[P], memo: &Path) -> Result<Vec<SourceFile>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let (memo, mut files, mut digests) = (Memo::open(memo), Vec::new(), Vec::new());
    let digest = |path: &P| memo.digest_of(path.as_ref()).map_err(|error| Error::io("read", path, &error));
    for (path, digest) in paths.iter().zip(paths.par_iter().map(digest).collect::<Result<Vec<_>>>()?) {
        let name = path.as_ref().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push(SourceFile { name, digest: ImageId::Digest(digest.digest) });
        digests.push((path.as_ref().to_owned(), digest));
    }
    memo.remember(digests)?;
    Ok(files)
}

/// Returns the digests of files with an image each, computed in parallel or taken from the memo. A file may turn out to be
/// broken, but failures of the machine are always errors.
fn image_digests(paths: &Paths, memo: &Path) -> Result<Vec<ImageId>> {
    let memo = Memo::open(memo);
    let digest = |image: usize| {
        let path = paths.get(image);
        match memo.digest_of(&path) {
            Err(error) if files::is_permanent(&error) => Ok(None),
            digest => digest.map(Some).map_err(|error| Error::io("read", path, &error)),
        }
    };
    let digests = (0..paths.len()).into_par_iter().map(digest).collect::<Result<Vec<Option<FileDigest>>>>()?;
    let id = |digest: &Option<FileDigest>| {
        digest.as_ref().map_or(ImageId::Unreadable, |digest| ImageId::Digest(digest.digest))
    };
    let ids = digests.iter().map(id).collect();
    memo.remember(paths.iter().zip(digests).filter_map(|(path, digest)| Some((path, digest?))))?;
    Ok(ids)
}
