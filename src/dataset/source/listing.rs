//! A source whose images are listed but not yet read: what the images are, what they show, and which part each is in.

use super::image_file::{ReadError, ReadReport};
use super::{Source, image_file};
use crate::base::text::visible;
use crate::base::{Error, Result};
use crate::dataset::config::DatasetConfig;
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::names::{Names, Paths};
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::dataset::store::FilePlace;
use crate::imaging::Image;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Maximum number of names listed in a message; the rest is only counted.
pub(crate) const MAX_NAMED: usize = 10;

/// Directory with what was learned of large files.
const SHARDS: &str = "shards";

/// What to do if a source has no images.
const NO_IMAGES: &str = "images are JPEG, PNG, WebP, GIF, BMP or TIFF files; check the path of the directory";

/// The content of a source. Images, labels and parts are apart, so that one can be used without the others.
pub(crate) struct Listing {
    /// The images.
    pub(crate) images: Images,
    /// The class of each image.
    pub(crate) labels: Labels,
    /// The part that each image belongs to.
    pub(crate) parts: Vec<Part>,
    /// Fraction of the training images of each class that is still to be held out for testing.
    pub(crate) test_fraction: Option<f64>,
    /// The group of each image, such as a patient: images of a group are all in the same part.
    pub(crate) groups: Option<Vec<Arc<str>>>,
    /// Reasons why the listing may not be what the user expects, as sentences.
    pub(crate) notes: Vec<String>,
}

/// Images, in an order that does not depend on the file system.
pub(crate) struct Images {
    /// Name of each inside the source, such as `cat/12.jpg`.
    pub(crate) names: Names,
    /// Reads them.
    pub(crate) reader: Box<dyn ImageReader>,
    /// What the source has besides images.
    pub(crate) passed_over: PassedOver,
}

/// Labels of images. Images without labels are of a single class with an empty name.
#[derive(Debug)]
pub(crate) struct Labels {
    /// Class names; labels are indices into them.
    pub(crate) classes: Vec<String>,
    /// Label of each image; 0 for images of [`Part::Unlabeled`].
    pub(crate) of_images: Vec<usize>,
    /// Files that only labels are read from.
    pub(crate) files: Vec<PathBuf>,
}

/// Reads the images of a source by their index.
pub(crate) trait ImageReader: Send + Sync {
    /// Reads or renders an image, reusing the memory of `image`. Synthetic images are a function of `seed`.
    ///
    /// # Errors
    /// Why it cannot be read; the content of `image` is then unspecified.
    fn read(&self, index: usize, seed: u64, image: &mut Image) -> Result<ReadReport, ReadError>;

    /// Returns where the encoded image is in the files, if it is there as it is.
    fn place(&self, _index: usize) -> Option<FilePlace<'_>> {
        None
    }

    /// Reads the encoded image, reusing the memory of `bytes`.
    ///
    /// # Errors
    /// It cannot be read, or there is none: see [`Source::most_compact`].
    fn encoded(&self, index: usize, bytes: &mut Vec<u8>) -> Result<(), ReadError> {
        let place = self.place(index);
        image_file::read_encoded(&place.ok_or_else(|| Error::bug("the image is not encoded"))?, bytes)
    }

    /// Returns the files that the images are read from.
    fn files(&self) -> ImageFiles<'_> {
        ImageFiles::None
    }
}

/// Files that images are read from.
pub(crate) enum ImageFiles<'a> {
    /// Images are synthetic.
    None,
    /// Each image has a file, which may turn out to be broken.
    OnePerImage(&'a Paths),
    /// Every file has many images, all of them of one part until test images are held out.
    Shared(Vec<(&'a Path, Part)>),
}

impl Listing {
    /// Lists the images of a source and checks its classes and groups.
    ///
    /// # Errors
    /// A directory or file is missing, unreadable or invalid, a class has no training or test images, or a group has
    /// images on both sides of a split.
    pub(crate) fn open(config: &DatasetConfig) -> Result<Self> {
        config.source.source().list(config.image_size)?.checked(config)
    }

    /// Lists the images without checks; what is learned of large files is kept beside the file `memo` for the next time.
    ///
    /// # Errors
    /// A directory or file is missing, unreadable or invalid, or the directory beside `memo` cannot be written.
    pub(crate) fn unchecked(config: &DatasetConfig, memo: &Path) -> Result<Self> {
        config.source.source().list_with(config.image_size, &memo.with_file_name(SHARDS))
    }

    /// Checks classes and groups, as [`Listing::open`] does.
    ///
    /// # Errors
    /// A class has no training or test images, or a group has images on both sides of a split.
    pub(crate) fn checked(self, config: &DatasetConfig) -> Result<Self> {
        let (listing, source) = (self, config.source.source());
        let checked = listing.check_not_empty().and_then(|()| check_classes(&listing, source));
        let checked = checked.and_then(|()| listing.check_groups());
        checked.map_err(|error| error.at(source.place()))?;
        Ok(listing)
    }

    /// Checks that there are images, unless there is nothing at all, which the check of the classes reports.
    fn check_not_empty(&self) -> Result<()> {
        let passed_over = &self.images.passed_over;
        if self.len() > 0 || passed_over.count() == 0 {
            return Ok(());
        }
        Err(Error::stage(format!("there are no images, but {}", passed_over.describe())).help(NO_IMAGES))
    }

    /// Returns the number of images.
    pub(crate) fn len(&self) -> usize {
        self.images.names.len()
    }

    /// Returns the numbers of images of each class, as if test images had been held out already.
    pub(crate) fn sizes(&self) -> Vec<ClassSize> {
        let mut sizes: Vec<ClassSize> = self.labels.classes.iter().map(|name| ClassSize::new(name)).collect();
        for (part, &label) in self.parts.iter().zip(&self.labels.of_images) {
            sizes[label].count(*part);
        }
        if let Some(fraction) = self.test_fraction {
            for size in &mut sizes {
                size.test = fraction_of(fraction, size.train);
                size.train -= size.test;
            }
        }
        sizes
    }

    /// Returns the training images of each class.
    pub(crate) fn training_by_class(&self) -> Vec<Vec<usize>> {
        let mut by_class = vec![Vec::new(); self.labels.classes.len()];
        for (image, &label) in self.labels.of_images.iter().enumerate() {
            if self.parts[image] == Part::Training {
                by_class[label].push(image);
            }
        }
        by_class
    }

    /// Checks that no group has images on both sides of a split. Unlabeled images are on the side of training.
    fn check_groups(&self) -> Result<()> {
        let side = |part: Part| if part == Part::Unlabeled { Part::Training } else { part };
        let mut first: HashMap<&str, usize> = HashMap::new();
        for (image, group) in self.groups.iter().flatten().enumerate() {
            let other = *first.entry(group).or_insert(image);
            if side(self.parts[image]) != side(self.parts[other]) {
                let place =
                    |image: usize| format!("`{}` is in {}", self.images.names.get(image), self.parts[image].name());
                let (group, other, image) = (visible(group), place(other), place(image));
                let what = format!("the group `{group}` is on both sides of a split: {other}, and {image}");
                return Err(Error::stage(what).help(
                    "move all images of a group to the same side, or remove the split that the data set comes with: \
                     `test_fraction` and `validation_fraction` hold out whole groups",
                ));
            }
        }
        Ok(())
    }
}

/// Returns a fraction of a number of images, rounded.
pub(crate) fn fraction_of(fraction: f64, images: usize) -> usize {
    (fraction * images as f64).round() as usize
}

/// Checks that there are images and, if they have labels, at least two classes, each with training and test images.
///
/// # Errors
/// There are not, or it does not.
pub(crate) fn check_classes(listing: &Listing, source: &dyn Source) -> Result<()> {
    check_sizes(&listing.sizes(), listing.parts.contains(&Part::Unlabeled), source)
}

/// Checks the numbers of images of each class, as [`check_classes`] does.
///
/// # Errors
/// As for [`check_classes`].
pub(crate) fn check_sizes(sizes: &[ClassSize], has_unlabeled: bool, source: &dyn Source) -> Result<()> {
    if !has_unlabeled && sizes.iter().all(|size| size.train + size.test == 0) {
        return Err(Error::stage("there are no images").help(NO_IMAGES));
    }
    let without = |count: fn(&ClassSize) -> usize| -> Vec<&str> {
        sizes.iter().filter(|size| count(size) == 0).map(|size| size.name.as_str()).collect()
    };
    if let [only] = sizes {
        if only.name.is_empty() && only.train > 0 {
            return Ok(());
        }
        if only.name.is_empty() {
            return Err(Error::stage("there are no training images").help("add images, or check the paths"));
        }
        let rule = source.class_rule().map(|rule| format!(": {rule}")).unwrap_or_default();
        return Err(Error::stage(format!("there is only one class, `{}`", only.name)).help(format!(
            "images with labels need at least two classes{rule}; for images without labels, set `labels = false`"
        )));
    }
    for (kind, names) in [("training", without(|size| size.train)), ("test", without(|size| size.test))] {
        if !names.is_empty() {
            let names = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::stage(format!("no {kind} images of {names}")).help(
                "every class needs training and test images: add some, remove the class, or change \
                       `test_fraction` if there is one; with groups, every class needs at least two",
            ));
        }
    }
    Ok(())
}
