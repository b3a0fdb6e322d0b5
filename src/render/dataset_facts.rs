//! What a report shows of a data set, as plain data.

use crate::dataset::{ClassCount, Part};
use crate::render::image_data::EncodedImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts about a data set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
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
    /// Files that are not images: kind, number, and name of the first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<(String, usize, String)>,
    /// Test images that are also training or validation images, each with the name of such an image.
    pub shared: Vec<(String, String)>,
    /// Images that show the same as another one; includes `shared`.
    pub duplicates: Vec<DuplicateImage>,
    /// The first of them, in the order of the table of duplicates, beside the other image, as PNG.
    pub duplicates_png: EncodedImage,
}

impl DatasetFacts {
    /// Returns the duplicates that can affect results, worst first: test images that are training or validation images,
    /// validation images that are training images and images of two classes, test images that are also without labels,
    /// then the same for images that look nearly the same.
    pub(crate) fn shown_duplicates(&self) -> Vec<&DuplicateImage> {
        let mut shown: Vec<&DuplicateImage> = self.duplicates.iter().filter(|each| each.can_affect_results()).collect();
        shown.sort_by_key(|each| (!each.is_exact, each.rank()));
        shown
    }
}

/// An image that shows the same as an earlier training or validation image of the data set, or a test image that shows
/// the same as an image without a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DuplicateImage {
    /// Name of the image.
    pub image: String,
    /// Its class.
    pub class: String,
    /// Its part.
    pub part: Part,
    /// Name of the other image.
    pub other: String,
    /// The class of that image.
    pub other_class: String,
    /// The part of that image: training, validation or unlabeled.
    pub other_part: Part,
    /// Whether all pixels are equal; else the images look nearly the same.
    pub is_exact: bool,
}

impl DuplicateImage {
    /// Returns whether the other image is of another part or class.
    pub(crate) fn can_affect_results(&self) -> bool {
        self.part != self.other_part || self.has_two_labels()
    }

    /// Returns whether it is a test image that shows the same as a training or validation image.
    pub(crate) fn is_leaked(&self) -> bool {
        self.part == Part::Test && self.other_part != Part::Unlabeled
    }

    /// Returns whether it is a test image that pretraining sees, without its label.
    pub(crate) fn is_pretrained_on(&self) -> bool {
        self.part == Part::Test && self.other_part == Part::Unlabeled
    }

    /// Returns whether it is a validation image that shows the same as a training image.
    pub(crate) fn is_selected_on(&self) -> bool {
        self.part == Part::Validation && self.other_part == Part::Training
    }

    /// Returns whether the two images have different labels.
    pub(crate) fn has_two_labels(&self) -> bool {
        self.other_part != Part::Unlabeled && self.class != self.other_class
    }

    fn rank(&self) -> usize {
        usize::from(!self.is_leaked()) + usize::from(self.is_pretrained_on())
    }
}
