//! A source whose images are identified by their content, with its test images held out.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::DatasetConfig;
use crate::dataset::fingerprint::SourceFile;
use crate::dataset::hold_out::{first_by_hash, groups_to_hold_out};
use crate::dataset::memo::{FileDigest, Memo};
use crate::dataset::part::Part;
use crate::dataset::source::{ImageFiles, Listing, check_classes, fraction_of};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Seed of the choice of test images: it does not change with the pipeline's seed, so that seeds compare.
const TEST_SEED: u64 = 0;

/// The listing of a source with the identity of each image.
pub(super) struct Contents {
    pub(super) listing: Listing,
    /// Identity of each image: the digest of its file, or its number among the images of its part, before test images are
    /// held out, if it has none of its own. It does not depend on names or labels.
    pub(super) ids: Vec<String>,
    /// Files with their digests; empty for synthetic images.
    pub(super) files: Vec<SourceFile>,
    pub(super) has_file_per_image: bool,
    /// Digests of files that have many images each, with their part.
    pub(super) shared: Vec<(String, Part)>,
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
        let listing = Listing::open(config)?;
        let (mut ids, mut files, mut shared, mut has_file_per_image) = (Vec::new(), Vec::new(), Vec::new(), false);
        match listing.images.reader.files() {
            ImageFiles::None => {}
            ImageFiles::OnePerImage(paths) => {
                has_file_per_image = true;
                ids = digests(paths, memo, true)?;
                files = image_files(&listing, &ids);
            }
            ImageFiles::Shared(paths) => {
                let (paths, parts): (Vec<&Path>, Vec<Part>) = paths.into_iter().unzip();
                files = whole_files(&paths, memo)?;
                shared = files.iter().map(|file| file.digest.clone()).zip(parts).collect();
            }
        }
        files.extend(whole_files(&listing.labels.files, memo)?);
        let mut contents = Self { listing, ids, files, has_file_per_image, shared, held_out: None };
        if !has_file_per_image {
            contents.number();
        }
        contents.hold_out_test();
        let source = config.source.source();
        check_classes(&contents.listing, source).map_err(|error| error.at(source.place()))?;
        Ok(contents)
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
            let ids: Vec<&str> = self.order(part).into_iter().map(|image| self.ids[image].as_str()).collect();
            return hash::digest_json(&ids).map(Some);
        }
        let is_divided = self.held_out.is_some() && [Part::Training, Part::Test].contains(&part);
        let part_of_files = if is_divided { Part::Training } else { part };
        let files = self.shared.iter().filter(|(_, of)| *of == part_of_files).map(|(digest, _)| digest);
        let files: Vec<&String> = files.collect();
        if files.is_empty() {
            return Ok(None);
        }
        if !is_divided {
            return hash::digest_json(&files).map(Some);
        }
        let ids: Vec<&str> = self.order(part).into_iter().map(|image| self.ids[image].as_str()).collect();
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
                let ids: Vec<&str> = images.iter().map(|image| self.ids[*image].as_str()).collect();
                let chosen = first_by_hash("test split", TEST_SEED, &ids, fraction_of(fraction, images.len()));
                held_out.extend(chosen.into_iter().map(|position| images[position]));
            }
        }
        held_out.into_iter().for_each(|image| self.listing.parts[image] = Part::Test);
    }

    /// Returns the groups whose most frequent class is each class, with their images. Groups that have images in other
    /// parts than training are left out.
    fn groups_by_class<'a>(&self, groups: &'a [String]) -> Vec<Vec<(&'a str, Vec<usize>)>> {
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
        groups.filter(|(_, part)| **part == Part::Unlabeled).map(|(group, _)| group.as_str()).collect()
    }

    /// Identifies images by their numbers within their parts.
    fn number(&mut self) {
        let mut next = [0_usize; Part::ALL.len()];
        let number = |part: &Part| {
            let next = &mut next[*part as usize];
            *next += 1;
            (*next - 1).to_string()
        };
        self.ids = self.listing.parts.iter().map(number).collect();
    }
}

/// Returns the images of each group, in the order of the names.
fn by_name(groups: &[String]) -> BTreeMap<&str, Vec<usize>> {
    let mut images: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(image, group)| images.entry(group).or_default().push(image));
    images
}

/// Returns the files of images under their names.
fn image_files(listing: &Listing, digests: &[String]) -> Vec<SourceFile> {
    let file = |(image, digest): (usize, &String)| {
        let name = format!("{}/{}", listing.parts[image].name(), listing.images.names[image]);
        SourceFile { name, digest: digest.clone() }
    };
    digests.iter().enumerate().map(file).collect()
}
/// Returns files under their own names.
fn whole_files<P: AsRef<Path> + Sync>(paths: &[P], memo: &Path) -> Result<Vec<SourceFile>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let file = |(path, digest): (&P, String)| SourceFile { name: name(path.as_ref()), digest };
    Ok(paths.iter().zip(digests(paths, memo, false)?).map(file).collect())
}

/// Returns the digests of files, computed in parallel or taken from the memo. If files `may_be_broken`, a file that
/// cannot be read gets a placeholder digest; failures of the machine are always errors.
fn digests<P: AsRef<Path> + Sync>(paths: &[P], memo: &Path, may_be_broken: bool) -> Result<Vec<String>> {
    let memo = Memo::open(memo);
    let digest = |path: &P| match memo.digest_of(path.as_ref()) {
        Err(error) if may_be_broken && files::is_permanent(&error) => Ok(FileDigest::unreadable()),
        digest => digest.map_err(|error| Error::io("read", path, &error)),
    };
    let file_digests = paths.par_iter().map(digest).collect::<Result<Vec<FileDigest>>>()?;
    let digests = file_digests.iter().map(|file| file.digest.clone()).collect();
    let paths = paths.iter().map(|path| -> PathBuf { path.as_ref().to_owned() });
    memo.remember(paths.zip(file_digests))?;
    Ok(digests)
}
