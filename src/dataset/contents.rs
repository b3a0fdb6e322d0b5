//! A source whose images are identified by their content, with its test images held out.

use crate::base::{Error, Result, files, hash};
use crate::dataset::config::DatasetConfig;
use crate::dataset::fingerprint::SourceFile;
use crate::dataset::memo::{FileDigest, Memo};
use crate::dataset::source::{ImageFiles, Listing, fraction_of};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Seed of the choice of test images: it does not change with the pipeline's seed, so that seeds compare.
const TEST_SEED: u64 = 0;

/// The training images, validation images included, or the test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Training and validation images.
    Training,
    /// Test images.
    Test,
}

impl Part {
    /// Both parts, in the order of an [`ImageDataset`](super::ImageDataset).
    pub(crate) const ALL: [Self; 2] = [Self::Training, Self::Test];

    /// Returns its name in names of stages, files and directories: `train` or `test`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Test => "test",
        }
    }

    pub(super) fn is_test(self) -> bool {
        self == Self::Test
    }
}

/// The listing of a source with the identity of each image.
pub(super) struct Contents {
    pub(super) listing: Listing,
    /// Identity of each image: the digest of its file, or its number among the images of its part if it has none of its
    /// own. It does not depend on names or labels.
    pub(super) ids: Vec<String>,
    /// Files with their digests; empty for synthetic images.
    pub(super) files: Vec<SourceFile>,
    pub(super) has_file_per_image: bool,
    /// Digests of files that have many images each, with their part.
    shared: Vec<(String, Part)>,
}

impl Contents {
    /// Lists a source and identifies its images. `memo` is as for [`fingerprint`](fn@super::fingerprint).
    ///
    /// # Errors
    /// The source is missing, unreadable or invalid, a class has no training or test images, or the memo cannot be
    /// written.
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
                let (paths, is_test): (Vec<&Path>, Vec<bool>) = paths.into_iter().unzip();
                files = whole_files(&paths, memo)?;
                let part = |is_test| if is_test { Part::Test } else { Part::Training };
                shared = files.iter().map(|file| file.digest.clone()).zip(is_test.into_iter().map(part)).collect();
            }
        }
        files.extend(whole_files(&listing.labels.files, memo)?);
        let mut contents = Self { listing, ids, files, has_file_per_image, shared };
        if has_file_per_image {
            contents.hold_out_test();
        } else {
            contents.number();
        }
        Ok(contents)
    }

    /// Returns the images of a part in the order of their store: by content if each has its own file, so that moving or
    /// renaming files changes nothing, else in the order of the listing.
    pub(super) fn order(&self, part: Part) -> Vec<usize> {
        let of_part = |image: &usize| self.listing.is_test(*image) == part.is_test();
        let mut images: Vec<usize> = (0..self.listing.len()).filter(of_part).collect();
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
        let files = self.shared.iter().filter(|(_, of)| *of == part).map(|(digest, _)| digest);
        let files: Vec<&String> = files.collect();
        if files.is_empty() { Ok(None) } else { hash::digest_json(&files).map(Some) }
    }

    /// Holds out test images if the source has none: the same fraction of each class, first by a hash of their content.
    fn hold_out_test(&mut self) {
        let Some(fraction) = self.listing.test_fraction() else { return };
        let mut flags = vec![false; self.listing.len()];
        for images in self.listing.labels.by_class() {
            let ids: Vec<&str> = images.iter().map(|image| self.ids[*image].as_str()).collect();
            let held_out = first_by_hash("test split", TEST_SEED, &ids, fraction_of(fraction, images.len()));
            held_out.into_iter().for_each(|position| flags[images[position]] = true);
        }
        self.listing.hold_out(flags);
    }

    /// Identifies images by their numbers within their parts.
    fn number(&mut self) {
        let mut next = [0_usize; 2];
        let number = |image| {
            let next = &mut next[usize::from(self.listing.is_test(image))];
            *next += 1;
            (*next - 1).to_string()
        };
        self.ids = (0..self.listing.len()).map(number).collect();
    }
}

/// Returns the positions of the first `count` identities in the order of a hash of them, so that the choice changes
/// little when others are added. Equal ones keep their order.
pub(super) fn first_by_hash(purpose: &str, seed: u64, ids: &[&str], count: usize) -> Vec<usize> {
    let rank =
        |(position, id): (usize, &&str)| (hash::digest_bytes(format!("{purpose} {seed} {id}").as_bytes()), position);
    let mut ranks: Vec<(String, usize)> = ids.par_iter().enumerate().map(rank).collect();
    ranks.par_sort_unstable();
    ranks.into_iter().take(count).map(|(_, position)| position).collect()
}

/// Returns the files of images under their names.
fn image_files(listing: &Listing, digests: &[String]) -> Vec<SourceFile> {
    let file = |(image, digest): (usize, &String)| {
        let directory = if listing.is_test(image) { Part::Test } else { Part::Training };
        SourceFile { name: format!("{}/{}", directory.name(), listing.images.names[image]), digest: digest.clone() }
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
