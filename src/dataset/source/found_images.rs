//! Images that have a file each.

use super::listing::{ImageFiles, ImageReader, Images, Labels, Listing};
use super::normal_form::normal_form;
use super::{ReadError, ReadReport, image_file};
use crate::dataset::names::{Interner, Names, Paths};
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::dataset::store::FilePlace;
use crate::imaging::Image;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// An image that has a file of its own.
pub(super) struct FoundImage<'a> {
    /// Name inside the source.
    pub(super) name: &'a str,
    pub(super) path: &'a Path,
    /// Class; `None` for an image without a label.
    pub(super) class: Option<&'a str>,
    pub(super) part: Part,
    /// Group, if the source has groups.
    pub(super) group: Option<&'a str>,
}

/// Images that have files of their own. Unicode normalization forms of a class or group are one.
#[derive(Default)]
pub(super) struct FoundImages {
    names: Names,
    paths: Paths,
    classes: Interner,
    /// Number of the class of each image.
    of_images: Vec<Option<u32>>,
    parts: Vec<Part>,
    known_groups: Interner,
    /// Group of each image that has one.
    groups: Vec<Arc<str>>,
}

impl FoundImages {
    /// Adds an image.
    pub(super) fn push(&mut self, FoundImage { name, path, class, part, group }: FoundImage<'_>) {
        self.names.push(name);
        self.paths.push(path);
        self.of_images.push(class.map(|class| self.classes.number(&normal_form(class))));
        self.parts.push(part);
        self.groups.extend(group.map(|group| self.known_groups.shared(&normal_form(group))));
    }
}

impl Listing {
    /// Creates the listing of images with a file each, in this order. `more` are classes that may have no images,
    /// `passed_over` is what there is besides images, and `test_fraction` is that of the listing.
    pub(super) fn of_files(
        found: FoundImages,
        more: impl IntoIterator<Item = String>,
        passed_over: PassedOver,
        test_fraction: Option<f64>,
    ) -> Self {
        let labels = Labels::of_classes(&found, more);
        let FoundImages { names, paths, parts, groups, .. } = found;
        let groups = Some(groups).filter(|groups| !groups.is_empty() && groups.len() == names.len());
        let images = Images { names, reader: Box::new(FileReader { paths }), passed_over };
        Self { images, labels, parts, test_fraction, groups, notes: Vec::new() }
    }
}

impl Labels {
    /// Creates labels from the classes of images; labels follow the order of the names. `more` are classes that may have
    /// no images.
    fn of_classes(found: &FoundImages, more: impl IntoIterator<Item = String>) -> Self {
        let more = more.into_iter().map(|class| normal_form(&class));
        let known = found.classes.texts();
        let mut classes: Vec<String> = known.iter().map(|class| class.as_ref().to_owned()).chain(more).collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.is_empty() {
            classes.push(String::new());
        }
        let label = |class: &Arc<str>| classes.partition_point(|other| other.as_str() < class.as_ref());
        let labels: Vec<usize> = known.iter().map(label).collect();
        let of_images = found.of_images.iter().map(|class| class.map_or(0, |class| labels[class as usize])).collect();
        Self { classes, of_images, files: Vec::new() }
    }
}

struct FileReader {
    paths: Paths,
}

impl ImageReader for FileReader {
    fn read(&self, index: usize, _: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        image_file::read(&self.paths.get(index), image)
    }

    fn place(&self, index: usize) -> Option<FilePlace<'_>> {
        Some(FilePlace { path: Cow::Owned(self.paths.get(index)), offset: 0, length: None })
    }

    fn files(&self) -> ImageFiles<'_> {
        ImageFiles::OnePerImage(&self.paths)
    }
}
