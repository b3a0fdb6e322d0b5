//! Synthetic images: numbered, and cycling through the classes.

use super::listing::{ImageReader, Images, Labels, Listing};
use super::problem::SourceProblem;
use super::{ReadError, ReadReport};
use crate::dataset::part::Part;
use crate::dataset::passed_over::PassedOver;
use crate::imaging::Image;

/// Numbers of training and test images.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    /// Training images of all classes together.
    pub(super) train: usize,
    /// Test images of all classes together.
    pub(super) test: usize,
}

/// A synthetic image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Synthetic {
    /// Number among the training or test images.
    pub(super) number: usize,
    /// Whether it is a test image.
    pub(super) is_test: bool,
}

impl Counts {
    /// Reports numbers of images that are not enough for one of each class.
    pub(super) fn check(self, classes: usize) -> Vec<SourceProblem> {
        let too_few = |(key, count): (&'static str, usize)| {
            let message = || format!("`{key}` must be at least the number of classes ({classes}), got {count}");
            (count < classes).then(|| SourceProblem::new(key, message()))
        };
        [("train", self.train), ("test", self.test)].into_iter().filter_map(too_few).collect()
    }

    /// Lists images that `render` renders, with a seed.
    pub(super) fn list(
        self,
        classes: Vec<String>,
        render: impl Fn(Synthetic, u64) -> Image + Send + Sync + 'static,
    ) -> Listing {
        let all = || (0..self.train + self.test).map(move |index| self.image(index));
        let name = |image: Synthetic| format!("{}[{}]", if image.is_test { "test" } else { "train" }, image.number);
        let of_images = all().map(|image| image.number % classes.len()).collect();
        let reader = Box::new(Renderer { counts: self, render });
        Listing {
            images: Images { names: all().map(name).collect(), reader, passed_over: PassedOver::default() },
            labels: Labels { classes, of_images, files: Vec::new() },
            parts: all().map(|image| if image.is_test { Part::Test } else { Part::Training }).collect(),
            test_fraction: None,
            groups: None,
            notes: Vec::new(),
        }
    }

    /// Returns the image with an index; test images follow the training images.
    fn image(self, index: usize) -> Synthetic {
        match index.checked_sub(self.train) {
            Some(number) => Synthetic { number, is_test: true },
            None => Synthetic { number: index, is_test: false },
        }
    }
}

struct Renderer<F> {
    counts: Counts,
    render: F,
}

impl<F: Fn(Synthetic, u64) -> Image + Send + Sync> ImageReader for Renderer<F> {
    fn read(&self, index: usize, seed: u64, image: &mut Image) -> Result<ReadReport, ReadError> {
        *image = (self.render)(self.counts.image(index), seed);
        Ok(ReadReport::default())
    }
}
