//! Image sources: a list of images for every kind of source, and how each is read.

mod binary;
mod cifar10;
mod image_file;
mod image_folder;
mod listing;
mod prefixed;
mod stl10;

use crate::base::rng::{permutation, stream};
use crate::base::{Error, Result};
use crate::dataset::config::{DatasetConfig, ShapesConfig, SignsConfig, SourceConfig, TrainTestConfig};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::shapes::{self, Shape};
use crate::dataset::signs::{self, Sign};
use crate::imaging::Image;
use binary::RecordFile;
pub(crate) use image_file::{ReadError, ReadReport};
use std::path::PathBuf;

/// A source whose images are listed but not yet read.
pub(crate) struct ImageSource {
    /// Class names; labels are indices into them.
    pub(crate) classes: Vec<String>,
    /// The images, in an order that does not depend on the file system.
    pub(crate) items: Vec<Item>,
    /// Number of files whose names are not those of images.
    pub(crate) ignored: usize,
    /// Fraction of each class still to be held out for testing, if the source has no test images of its own.
    test_fraction: Option<f64>,
    reader: Reader,
}

/// One image of a source.
pub(crate) struct Item {
    /// Name inside the source, such as `cat/12.jpg`.
    pub(crate) name: String,
    /// Index of the class.
    pub(crate) label: usize,
    /// Whether it is a test image.
    pub(crate) is_test: bool,
    /// Where the image is read from.
    pub(crate) location: ImageLocation,
}

/// The location of an image.
pub(crate) enum ImageLocation {
    /// An image file.
    File(PathBuf),
    /// A record of the file with this index.
    Record { file: usize, record: usize },
    /// A synthetic image, by its number among the training or test images.
    Synthetic(usize),
}

enum Reader {
    Files,
    Records(Vec<RecordFile>),
    Shapes { side: usize },
    Signs { signs: Vec<Sign>, hue_only: f64, side: usize },
}

impl ImageSource {
    /// Lists the images of a source and checks its classes.
    ///
    /// # Errors
    /// A directory or file is missing, unreadable or invalid, or a class has no training or test images.
    pub(crate) fn open(config: &DatasetConfig) -> Result<Self> {
        let source = match &config.source {
            SourceConfig::ImageFolder(directories) => Self::of_files(directories, image_folder::list)?,
            SourceConfig::Prefixed(directories) => Self::of_files(directories, prefixed::list)?,
            SourceConfig::Cifar10(binary) => Self::of_records(cifar10::open(&binary.path)?)?,
            SourceConfig::Stl10(binary) => Self::of_records(stl10::open(&binary.path)?)?,
            SourceConfig::Shapes(shapes) => Self::of_shapes(shapes, config.image_size),
            SourceConfig::Signs(signs) => Self::of_signs(signs, config.image_size),
        };
        check_classes(&source.sizes()).map_err(|error| error.at(source_path(&config.source)))?;
        if let SourceConfig::ImageFolder(_) = &config.source {
            check_names(&source.classes).map_err(|error| error.at(source_path(&config.source)))?;
        }
        Ok(source)
    }

    /// Returns the numbers of training and test images of each class, as if test images had been held out already.
    pub(crate) fn sizes(&self) -> Vec<ClassSize> {
        let mut sizes: Vec<ClassSize> =
            self.classes.iter().map(|name| ClassSize { name: name.clone(), train: 0, test: 0 }).collect();
        for item in &self.items {
            let size = &mut sizes[item.label];
            *(if item.is_test { &mut size.test } else { &mut size.train }) += 1;
        }
        if let Some(fraction) = self.test_fraction {
            for size in &mut sizes {
                size.test = fraction_of(fraction, size.train);
                size.train -= size.test;
            }
        }
        sizes
    }

    /// Holds out test images if the source has none: a random sample with the same fraction of each class.
    pub(crate) fn hold_out_test(&mut self, seed: u64) {
        let Some(fraction) = self.test_fraction.take() else { return };
        for class in 0..self.classes.len() {
            let of_class: Vec<usize> =
                self.items.iter().enumerate().filter(|(_, item)| item.label == class).map(|(index, _)| index).collect();
            let order = permutation(of_class.len(), &mut stream(seed, "test split", &[class as u64]));
            for &position in &order[..fraction_of(fraction, of_class.len())] {
                self.items[of_class[position]].is_test = true;
            }
        }
    }

    /// Reads or renders an image, reusing the memory of `image`.
    ///
    /// # Errors
    /// Why it cannot be read; the content of `image` is then unspecified.
    pub(crate) fn read(&self, item: &Item, seed: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        let unreadable = |error| format!("cannot read it: {error}");
        *image = match (&item.location, &self.reader) {
            (ImageLocation::File(path), _) => return image_file::read(path, image),
            (&ImageLocation::Record { file, record }, Reader::Records(files)) => {
                files[file].image(record).map_err(unreadable)?
            }
            (&ImageLocation::Synthetic(number), &Reader::Shapes { side }) => {
                let rng = &mut stream(seed, "shapes", &[u64::from(item.is_test), number as u64]);
                shapes::render(Shape::ALL[item.label], side, rng)
            }
            (&ImageLocation::Synthetic(number), Reader::Signs { signs, hue_only, side }) => {
                // By class and number within the class: images stay the same when classes or images are added.
                let indices = [item.is_test.into(), item.label as u64, (number / signs.len()) as u64];
                signs::render(&signs[item.label], *hue_only, *side, &mut stream(seed, "signs", &indices))
            }
            _ => return Err("the image does not belong to its source".to_owned().into()),
        };
        Ok(ReadReport::default())
    }

    /// Returns the binary files of a source that has them.
    pub(crate) fn record_files(&self) -> Vec<PathBuf> {
        match &self.reader {
            Reader::Records(files) => files.iter().map(|file| file.path.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn of_files(
        config: &TrainTestConfig,
        list: fn(&std::path::Path) -> Result<listing::DirectoryListing>,
    ) -> Result<Self> {
        let train = list(&config.train)?;
        let test = config.test.as_deref().map(list).transpose()?;
        let mut classes: Vec<String> =
            train.classes.iter().chain(test.iter().flat_map(|test| &test.classes)).cloned().collect();
        classes.sort_unstable();
        classes.dedup();
        let ignored = train.ignored + test.as_ref().map_or(0, |test| test.ignored);
        let mut items = Vec::new();
        for (found, is_test) in [(Some(train), false), (test, true)] {
            for (class, name, path) in found.into_iter().flat_map(|found| found.images) {
                let label = classes.binary_search(&class).map_err(|_| Error::bug("a class without a name"))?;
                items.push(Item { name, label, is_test, location: ImageLocation::File(path) });
            }
        }
        let test_fraction = config.test.is_none().then_some(config.test_fraction);
        Ok(Self { classes, items, ignored, test_fraction, reader: Reader::Files })
    }

    fn of_records((classes, files): (Vec<String>, Vec<RecordFile>)) -> Result<Self> {
        let mut items = Vec::new();
        for (file, records) in files.iter().enumerate() {
            for (record, &label) in records.labels.iter().enumerate() {
                let name = format!("{}[{record}]", records.name());
                items.push(Item {
                    name,
                    label,
                    is_test: records.is_test,
                    location: ImageLocation::Record { file, record },
                });
            }
        }
        Ok(Self { classes, items, ignored: 0, test_fraction: None, reader: Reader::Records(files) })
    }

    fn of_shapes(config: &ShapesConfig, side: usize) -> Self {
        let classes = Shape::ALL[..config.classes].iter().map(|shape| shape.name().to_owned()).collect();
        Self::synthetic(classes, config.train, config.test, Reader::Shapes { side })
    }

    fn of_signs(config: &SignsConfig, side: usize) -> Self {
        let classes = (1..=config.classes).map(|number| format!("sign {number}")).collect();
        let reader = Reader::Signs { signs: signs::alphabet(config.classes), hue_only: config.hue_only, side };
        Self::synthetic(classes, config.train, config.test, reader)
    }

    /// Lists synthetic images, cycling through the classes.
    fn synthetic(classes: Vec<String>, train: usize, test: usize, reader: Reader) -> Self {
        let mut items = Vec::with_capacity(train + test);
        for (count, is_test, kind) in [(train, false, "train"), (test, true, "test")] {
            items.extend((0..count).map(|number| Item {
                name: format!("{kind}[{number}]"),
                label: number % classes.len(),
                is_test,
                location: ImageLocation::Synthetic(number),
            }));
        }
        Self { classes, items, ignored: 0, test_fraction: None, reader }
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
pub(crate) fn check_classes(sizes: &[ClassSize]) -> Result<()> {
    if sizes.iter().all(|size| size.train + size.test == 0) {
        return Err(Error::stage("there are no images")
            .help("images are files that end in .jpg, .jpeg, .png or .webp; check the path of the directory"));
    }
    if let [only] = sizes {
        return Err(Error::stage(format!("there is only one class, `{}`", only.name))
            .help("a data set needs at least two classes: `image_folder` expects one directory per class, `prefixed` takes the class from the file name before the first `_`"));
    }
    let without = |count: fn(&ClassSize) -> usize| -> Vec<&str> {
        sizes.iter().filter(|size| count(size) == 0).map(|size| size.name.as_str()).collect()
    };
    for (kind, names) in [("training", without(|size| size.train)), ("test", without(|size| size.test))] {
        if !names.is_empty() {
            let names = names.iter().take(MAX_NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::stage(format!("no {kind} images of {names}"))
                .help("every class needs training and test images: add some, remove the class, or change test_fraction if there is no test directory"));
        }
    }
    Ok(())
}

/// Names of the directories of a data set's subsets.
const SUBSETS: [&str; 6] = ["train", "training", "test", "val", "valid", "validation"];

/// Checks that the class directories are not the subsets of a data set, one level above the classes.
///
/// # Errors
/// All of them are named like subsets.
fn check_names(classes: &[String]) -> Result<()> {
    if classes.iter().any(|class| !SUBSETS.contains(&class.to_lowercase().as_str())) {
        return Ok(());
    }
    let names = classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(" and ");
    Err(Error::stage(format!("the only classes are {names}, which are names of subsets of a data set"))
        .help("give the directories that contain the class directories: `train = \"DIRECTORY/train\", test = \"DIRECTORY/test\"`"))
}

/// Maximum number of names listed in a message; the rest is only counted.
pub(crate) const MAX_NAMED: usize = 10;

fn source_path(source: &SourceConfig) -> String {
    match source {
        SourceConfig::ImageFolder(directories) | SourceConfig::Prefixed(directories) => {
            directories.train.display().to_string()
        }
        SourceConfig::Cifar10(binary) | SourceConfig::Stl10(binary) => binary.path.display().to_string(),
        SourceConfig::Shapes(_) => "shapes".to_owned(),
        SourceConfig::Signs(_) => "signs".to_owned(),
    }
}
