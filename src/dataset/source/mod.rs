//! Where images come from: one list of them for every kind of source, and a reader of each.

mod binary;
mod cifar10;
mod files;
mod image_file;
mod image_folder;
mod prefixed;
mod stl10;

use crate::base::rng::{permutation, stream};
use crate::base::{Error, Result};
use crate::dataset::config::{DatasetConfig, ShapesConfig, SignsConfig, SourceConfig, TrainTestConfig};
use crate::dataset::fingerprint::ClassSize;
use crate::dataset::shapes::{self, Shape};
use crate::dataset::signs::{self, Sign};
use crate::imaging::Image;
use binary::Records;
pub(crate) use image_file::{ReadImage, Unread};
use std::path::PathBuf;

/// A source whose images are known by name but not yet read.
pub(crate) struct Source {
    /// Names of the classes; labels index them.
    pub(crate) classes: Vec<String>,
    /// The images, in an order that does not depend on the file system.
    pub(crate) items: Vec<Item>,
    /// Files that are no images by their name.
    pub(crate) ignored: usize,
    /// Part of each class that has yet to be set apart for testing, where the source has no test images of its own.
    test_fraction: Option<f64>,
    reader: Reader,
}

/// One image of a source.
pub(crate) struct Item {
    /// Name inside the source, such as `cat/12.jpg`.
    pub(crate) name: String,
    /// Index of its class.
    pub(crate) label: usize,
    /// Whether it is for testing only.
    pub(crate) is_test: bool,
    /// Where it is read from.
    pub(crate) place: Place,
}

/// Where an image is read from.
pub(crate) enum Place {
    /// A file of its own.
    File(PathBuf),
    /// A record of the file with this index.
    Record { file: usize, record: usize },
    /// Drawn: its number among the training or test images.
    Drawn(usize),
}

enum Reader {
    Files,
    Records(Vec<Records>),
    Shapes { side: usize },
    Signs { signs: Vec<Sign>, hue_only: f64, side: usize },
}

impl Source {
    /// Lists the images of a source and checks that there is something to learn from.
    ///
    /// # Errors
    /// A directory or file is missing, unreadable or not as it should be, or a class has no training or test images.
    pub(crate) fn open(config: &DatasetConfig) -> Result<Self> {
        let source = match &config.source {
            SourceConfig::ImageFolder(directories) => Self::of_files(directories, image_folder::list)?,
            SourceConfig::Prefixed(directories) => Self::of_files(directories, prefixed::list)?,
            SourceConfig::Cifar10(binary) => Self::of_records(cifar10::open(&binary.path)?)?,
            SourceConfig::Stl10(binary) => Self::of_records(stl10::open(&binary.path)?)?,
            SourceConfig::Shapes(shapes) => Self::of_shapes(shapes, config.image_size),
            SourceConfig::Signs(signs) => Self::of_signs(signs, config.image_size),
        };
        check_classes(&source.sizes()).map_err(|error| error.at(place(&config.source)))?;
        if let SourceConfig::ImageFolder(_) = &config.source {
            check_names(&source.classes).map_err(|error| error.at(place(&config.source)))?;
        }
        Ok(source)
    }

    /// Images of each class for training and testing, counting those that would be set apart for testing.
    pub(crate) fn sizes(&self) -> Vec<ClassSize> {
        let mut sizes: Vec<ClassSize> =
            self.classes.iter().map(|name| ClassSize { name: name.clone(), train: 0, test: 0 }).collect();
        for item in &self.items {
            let size = &mut sizes[item.label];
            *(if item.is_test { &mut size.test } else { &mut size.train }) += 1;
        }
        if let Some(fraction) = self.test_fraction {
            for size in &mut sizes {
                size.test = part_of(fraction, size.train);
                size.train -= size.test;
            }
        }
        sizes
    }

    /// Sets the test images apart where the source has none: the same part of each class, drawn by the seed.
    pub(crate) fn set_test_apart(&mut self, seed: u64) {
        let Some(fraction) = self.test_fraction.take() else { return };
        for class in 0..self.classes.len() {
            let of_class: Vec<usize> =
                self.items.iter().enumerate().filter(|(_, item)| item.label == class).map(|(index, _)| index).collect();
            let order = permutation(of_class.len(), &mut stream(seed, "test split", &[class as u64]));
            for &position in &order[..part_of(fraction, of_class.len())] {
                self.items[of_class[position]].is_test = true;
            }
        }
    }

    /// Reads or draws an image into the memory of another.
    ///
    /// # Errors
    /// Why it cannot be; what `image` holds then means nothing.
    pub(crate) fn read(&self, item: &Item, seed: u64, image: &mut Image) -> Result<ReadImage, Unread> {
        let unreadable = |error| format!("cannot read it: {error}");
        *image = match (&item.place, &self.reader) {
            (Place::File(path), _) => return image_file::read(path, image),
            (&Place::Record { file, record }, Reader::Records(files)) => {
                files[file].image(record).map_err(unreadable)?
            }
            (&Place::Drawn(number), &Reader::Shapes { side }) => {
                let rng = &mut stream(seed, "shapes", &[u64::from(item.is_test), number as u64]);
                shapes::draw(Shape::ALL[item.label], side, rng)
            }
            (&Place::Drawn(number), Reader::Signs { signs, hue_only, side }) => {
                // By class and number within it: images stay the same when classes or images are added.
                let indices = [item.is_test.into(), item.label as u64, (number / signs.len()) as u64];
                signs::draw(&signs[item.label], *hue_only, *side, &mut stream(seed, "signs", &indices))
            }
            _ => return Err("the image and its source do not fit together".to_owned().into()),
        };
        Ok(ReadImage::default())
    }

    /// The binary files of a source that has them.
    pub(crate) fn record_files(&self) -> Vec<PathBuf> {
        match &self.reader {
            Reader::Records(files) => files.iter().map(|file| file.path.clone()).collect(),
            _ => Vec::new(),
        }
    }

    fn of_files(config: &TrainTestConfig, list: fn(&std::path::Path) -> Result<files::Found>) -> Result<Self> {
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
                items.push(Item { name, label, is_test, place: Place::File(path) });
            }
        }
        let test_fraction = config.test.is_none().then_some(config.test_fraction);
        Ok(Self { classes, items, ignored, test_fraction, reader: Reader::Files })
    }

    fn of_records((classes, files): (Vec<String>, Vec<Records>)) -> Result<Self> {
        let mut items = Vec::new();
        for (file, records) in files.iter().enumerate() {
            for (record, &label) in records.labels.iter().enumerate() {
                let name = format!("{}[{record}]", records.name());
                items.push(Item { name, label, is_test: records.is_test, place: Place::Record { file, record } });
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

    /// Images that the program draws, the classes in turn.
    fn synthetic(classes: Vec<String>, train: usize, test: usize, reader: Reader) -> Self {
        let mut items = Vec::with_capacity(train + test);
        for (count, is_test, kind) in [(train, false, "train"), (test, true, "test")] {
            items.extend((0..count).map(|number| Item {
                name: format!("{kind}[{number}]"),
                label: number % classes.len(),
                is_test,
                place: Place::Drawn(number),
            }));
        }
        Self { classes, items, ignored: 0, test_fraction: None, reader }
    }
}

/// The given part of a number of images, rounded.
pub(crate) fn part_of(fraction: f64, images: usize) -> usize {
    (fraction * images as f64).round() as usize
}

/// Checks that there are two classes or more and that each has training and test images.
///
/// # Errors
/// It is not so.
pub(crate) fn check_classes(sizes: &[ClassSize]) -> Result<()> {
    if sizes.iter().all(|size| size.train + size.test == 0) {
        return Err(Error::stage("there are no images")
            .help("images are files that end in .jpg, .jpeg, .png or .webp; check the directory's name"));
    }
    if let [only] = sizes {
        return Err(Error::stage(format!("there is only one class, `{}`", only.name))
            .help("a data set needs at least two classes: `directory` takes one directory a class, `prefixed` takes the class from the file name before the first `_`"));
    }
    let without = |count: fn(&ClassSize) -> usize| -> Vec<&str> {
        sizes.iter().filter(|size| count(size) == 0).map(|size| size.name.as_str()).collect()
    };
    for (kind, names) in [("training", without(|size| size.train)), ("test", without(|size| size.test))] {
        if !names.is_empty() {
            let names = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            return Err(Error::stage(format!("no {kind} images of {names}"))
                .help("every class needs training and test images: add some, take the class out, or change test_fraction where there is no test directory"));
        }
    }
    Ok(())
}

/// Names that directories of the parts of a data set have.
const PARTS: [&str; 6] = ["train", "training", "test", "val", "valid", "validation"];

/// Checks that the directories are not the parts of a data set, one level above the classes.
///
/// # Errors
/// All of them are named like parts.
fn check_names(classes: &[String]) -> Result<()> {
    if classes.iter().any(|class| !PARTS.contains(&class.to_lowercase().as_str())) {
        return Ok(());
    }
    let names = classes.iter().map(|class| format!("`{class}`")).collect::<Vec<_>>().join(" and ");
    Err(Error::stage(format!("the only classes are {names}, which are names of parts of a data set"))
        .help("name the directories that hold the classes: `train = \"DIRECTORY/train\", test = \"DIRECTORY/test\"`"))
}

/// Names listed in a message before it only counts.
pub(crate) const NAMED: usize = 10;

fn place(source: &SourceConfig) -> String {
    match source {
        SourceConfig::ImageFolder(directories) | SourceConfig::Prefixed(directories) => {
            directories.train.display().to_string()
        }
        SourceConfig::Cifar10(binary) | SourceConfig::Stl10(binary) => binary.path.display().to_string(),
        SourceConfig::Shapes(_) => "shapes".to_owned(),
        SourceConfig::Signs(_) => "signs".to_owned(),
    }
}
