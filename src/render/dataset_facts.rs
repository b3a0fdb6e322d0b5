//! What a report shows of a data set, as plain data.

use crate::dataset::ClassCount;
use serde::{Deserialize, Serialize};

/// Facts about a data set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DatasetFacts {
    /// Name in the pipeline file; empty for `[dataset]`.
    pub name: String,
    /// Source of the images.
    pub source: String,
    /// The classes and their numbers of images.
    pub classes: Vec<ClassCount>,
    /// Width and height of the images in pixels.
    pub image_size: usize,
    /// Skipped files with the reason.
    pub skipped: Vec<(String, String)>,
    /// Damaged JPEGs that were used, with the damage.
    pub damaged: Vec<(String, String)>,
    /// Test images that are also training or validation images, each with the name of such an image.
    pub shared: Vec<(String, String)>,
    /// Images that show the same as an earlier training or validation image; includes `shared`.
    pub duplicates: Vec<DuplicateImage>,
    /// The first of them, in the order of [`DatasetFacts::shown_duplicates`], beside the earlier image, as PNG.
    pub duplicates_png: Vec<u8>,
}

impl DatasetFacts {
    /// Returns the duplicates that can affect results, worst first: test images that are training images, images of two
    /// classes, then the same for images that look nearly the same.
    pub(crate) fn shown_duplicates(&self) -> Vec<&DuplicateImage> {
        let mut shown: Vec<&DuplicateImage> = self.duplicates.iter().filter(|each| each.can_affect_results()).collect();
        shown.sort_by_key(|each| (!each.is_exact, !each.is_test));
        shown
    }
}

/// An image that shows the same as an earlier training or validation image of the data set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DuplicateImage {
    /// Name of the image.
    pub image: String,
    /// Its class.
    pub class: String,
    /// Whether it is a test image.
    pub is_test: bool,
    /// Name of the earlier image.
    pub other: String,
    /// The class of that image.
    pub other_class: String,
    /// Whether all pixels are equal; else the images look nearly the same.
    pub is_exact: bool,
}

impl DuplicateImage {
    /// Returns whether it is a test image or has another class than its earlier image.
    pub(crate) fn can_affect_results(&self) -> bool {
        self.is_test || self.class != self.other_class
    }
}
