//! A source whose images are listed but not yet read: what the images are, what they show, and which are for testing.

use super::image_file::{ReadError, ReadReport};
use super::normal_form::normal_form;
use super::{Source, image_file};
use crate::base::{Error, Result};
use crate::dataset::config::DatasetConfig;
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::passed_over::PassedOver;
use crate::imaging::Image;
use std::path::{Path, PathBuf};

/// Maximum number of names listed in a message; the rest is only counted.
pub(crate) const MAX_NAMED: usize = 10;

/// What to do if a source has no images.
const NO_IMAGES: &str = "images are JPEG, PNG, WebP, GIF, BMP or TIFF files; check the path of the directory";

/// The content of a source. Images, labels and test images are apart, so that one can be used without the others.
pub(crate) struct Listing {
    /// The images.
    pub(crate) images: Images,
    /// The class of each image.
    pub(crate) labels: Labels,
    /// Which of the images are test images.
    pub(crate) test: TestImages,
}

/// Images, in an order that does not depend on the file system.
pub(crate) struct Images {
    /// Name of each inside the source, such as `cat/12.jpg`.
    pub(crate) names: Vec<String>,
    /// Reads them.
    pub(crate) reader: Box<dyn ImageReader>,
    /// What the source has besides images.
    pub(crate) passed_over: PassedOver,
}

/// Labels of images.
#[derive(Debug)]
pub(crate) struct Labels {
    /// Class names; labels are indices into them.
    pub(crate) classes: Vec<String>,
    /// Label of each image.
    pub(crate) of_images: Vec<usize>,
    /// Files that only labels are read from.
    pub(crate) files: Vec<PathBuf>,
}

/// Which images are test images.
pub(crate) enum TestImages {
    /// A flag for each image.
    Given(Vec<bool>),
    /// None yet: this fraction of each class is to be held out.
    HeldOut(f64),
}

/// Reads the images of a source by their index.
pub(crate) trait ImageReader: Send + Sync {
    /// Reads or renders an image, reusing the memory of `image`. Synthetic images are a function of `seed`.
    ///
    /// # Errors
    /// Why it cannot be read; the content of `image` is then unspecified.
    fn read(&self, index: usize, seed: u64, image: &mut Image) -> Result<ReadReport, ReadError>;

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
    OnePerImage(&'a [PathBuf]),
    /// Every file has many images, all of them test images or none.
    Shared(Vec<(&'a Path, bool)>),
}

impl Listing {
    /// Lists the images of a source and checks its classes.
    ///
    /// # Errors
    /// A directory or file is missing, unreadable or invalid, or a class has no training or test images.
    pub(crate) fn open(config: &DatasetConfig) -> Result<Self> {
        let source = config.source.source();
        let listing = source.list(config.image_size)?;
        listing.check_not_empty().map_err(|error| error.at(source.place()))?;
        check_classes(&listing.sizes(), source).map_err(|error| error.at(source.place()))?;
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

    /// Returns whether an image is a test image; none is until they are held out.
    pub(crate) fn is_test(&self, image: usize) -> bool {
        match &self.test {
            TestImages::Given(flags) => flags[image],
            TestImages::HeldOut(_) => false,
        }
    }

    /// Returns the numbers of training and test images of each class, as if test images had been held out already.
    pub(crate) fn sizes(&self) -> Vec<ClassSize> {
        let mut sizes: Vec<ClassSize> =
            self.labels.classes.iter().map(|name| ClassSize { name: name.clone(), train: 0, test: 0 }).collect();
        for (image, &label) in self.labels.of_images.iter().enumerate() {
            let size = &mut sizes[label];
            *(if self.is_test(image) { &mut size.test } else { &mut size.train }) += 1;
        }
        if let TestImages::HeldOut(fraction) = self.test {
            for size in &mut sizes {
                size.test = fraction_of(fraction, size.train);
                size.train -= size.test;
            }
        }
        sizes
    }

    /// Returns the fraction of each class that is to be held out for testing, if the source has no test images.
    pub(crate) fn test_fraction(&self) -> Option<f64> {
        match self.test {
            TestImages::Given(_) => None,
            TestImages::HeldOut(fraction) => Some(fraction),
        }
    }

    /// Holds out the images with these flags for testing.
    pub(crate) fn hold_out(&mut self, flags: Vec<bool>) {
        self.test = TestImages::Given(flags);
    }
}

impl Images {
    /// Creates images with a file each.
    pub(super) fn of_files(names: Vec<String>, paths: Vec<PathBuf>, passed_over: PassedOver) -> Self {
        Self { names, reader: Box::new(FileReader { paths }), passed_over }
    }
}

struct FileReader {
    paths: Vec<PathBuf>,
}

impl ImageReader for FileReader {
    fn read(&self, index: usize, _: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        image_file::read(&self.paths[index], image)
    }

    fn files(&self) -> ImageFiles<'_> {
        ImageFiles::OnePerImage(&self.paths)
    }
}

impl Labels {
    /// Creates labels from the class name of each image; labels follow the order of the names. `more` are classes that
    /// may have no images. Unicode normalization forms of a name are one class.
    pub(super) fn of_names(names: &[String], more: impl IntoIterator<Item = String>) -> Self {
        let names: Vec<String> = names.iter().map(|name| normal_form(name)).collect();
        let mut classes: Vec<String> =
            names.iter().cloned().chain(more.into_iter().map(|name| normal_form(&name))).collect();
        classes.sort_unstable();
        classes.dedup();
        let of_images = names.iter().map(|name| classes.partition_point(|class| class < name)).collect();
        Self { classes, of_images, files: Vec::new() }
    }

    /// Returns the images of each class.
    pub(crate) fn by_class(&self) -> Vec<Vec<usize>> {
        let mut by_class = vec![Vec::new(); self.classes.len()];
        self.of_images.iter().enumerate().for_each(|(image, &label)| by_class[label].push(image));
        by_class
    }
}

/// Returns a fraction of a number of images, rounded.
pub(crate) fn fraction_of(fraction: f64, images: usize) -> usize {
    (fraction * images as f64).round() as usize
}

/// Checks that there are at least two classes and that each has training and test images.
///
/// # Errors
/// There are not, or it does not.
pub(crate) fn check_classes(sizes: &[ClassSize], source: &dyn Source) -> Result<()> {
    if sizes.iter().all(|size| size.train + size.test == 0) {
        return Err(Error::stage("there are no images").help(NO_IMAGES));
    }
    if let [only] = sizes {
        let rule = source.class_rule().map(|rule| format!(": {rule}")).unwrap_or_default();
        return Err(Error::stage(format!("there is only one class, `{}`", only.name))
            .help(format!("a data set needs at least two classes{rule}")));
    }
    let without = |count: fn(&ClassSize) -> usize| -> Vec<&str> {
        sizes.iter().filter(|size| count(size) == 0).map(|size| size.name.as_str()).collect()
    };
    for (kind, names) in [("training", without(|size| size.train)), ("test", without(|size| size.test))] {
        if !names.is_empty() {
            let names = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::stage(format!("no {kind} images of {names}")).help(
                "every class needs training and test images: add some, remove the class, or change \
                       `test_fraction` if there is one",
            ));
        }
    }
    Ok(())
}
