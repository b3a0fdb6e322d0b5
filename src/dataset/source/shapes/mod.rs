//! Synthetic images of geometric shapes.

mod outline;
mod paint;
mod render;

use super::problem::SourceProblem;
use super::synthetic::Counts;
use super::{Listing, Source};
use crate::base::Result;
use crate::base::rng::stream;
pub(super) use outline::Shape;
pub(super) use render::render;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Synthetic images of geometric shapes.
///
/// Classes differ by shape; color, position, size, angle, background, texture and noise vary freely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shapes {
    /// Total number of training images, the same for each class.
    #[serde(default = "Shapes::default_train")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub train: usize,
    /// Total number of test images.
    #[serde(default = "Shapes::default_test")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub test: usize,
    /// Number of classes.
    #[serde(default = "Shapes::default_classes")]
    #[schemars(range(min = 2, max = Shape::ALL.len()))]
    pub classes: usize,
}

impl Shapes {
    fn default_train() -> usize {
        2000
    }
    fn default_test() -> usize {
        1000
    }
    fn default_classes() -> usize {
        6
    }
    fn counts(&self) -> Counts {
        Counts { train: self.train, test: self.test }
    }
}

impl Source for Shapes {
    fn check(&self, _: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        self.counts().check(self.classes)
    }

    fn list(&self, image_size: usize) -> Result<Listing> {
        let shapes = &Shape::ALL[..self.classes.min(Shape::ALL.len())];
        let classes = shapes.iter().map(|shape| shape.name().to_owned()).collect();
        Ok(self.counts().list(classes, move |image, seed| {
            let rng = &mut stream(seed, "shapes", &[image.is_test.into(), image.number as u64]);
            render(shapes[image.number % shapes.len()], image_size, rng)
        }))
    }

    fn content(&self, image_size: usize) -> Value {
        json!({ "shapes": self, "side": image_size })
    }

    fn pixels(&self, image_size: usize, is_test: bool) -> Value {
        let images = if is_test { self.test } else { self.train };
        json!({ "shapes": { "classes": self.classes, "images": images }, "is_test": is_test, "side": image_size })
    }

    fn place(&self) -> String {
        "shapes".to_owned()
    }

    fn describe(&self) -> String {
        format!("{} classes of synthetic shapes", self.classes)
    }
}
