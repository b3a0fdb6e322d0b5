//! Synthetic images of invented handwritten signs.

mod alphabet;
mod color;
mod hand;
mod ink;
mod render;
mod stroke;

use super::problem::SourceProblem;
use super::synthetic::Counts;
use super::{Listing, Source};
use crate::base::Result;
use crate::base::rng::stream;
pub(super) use alphabet::alphabet;
pub(super) use render::{Sign, render};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Maximum number of signs.
const MAX_SIGNS: usize = 50;

/// Synthetic images of invented handwritten signs.
///
/// A sign has three pen strokes. Classes differ by sign; pen, position, size, slant, angle, ink and paper vary freely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Signs {
    /// Total number of training images, the same for each class.
    #[serde(default = "Signs::default_train")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub train: usize,
    /// Total number of test images.
    #[serde(default = "Signs::default_test")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub test: usize,
    /// Number of classes; more classes do not change the signs of the others.
    #[serde(default = "Signs::default_classes")]
    #[schemars(range(min = 2, max = MAX_SIGNS))]
    pub classes: usize,
    /// Fraction of the images whose ink has the luma of the paper and differs only in hue: grayscale erases their sign.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1))]
    pub hue_only: f64,
}

impl Signs {
    fn default_train() -> usize {
        4000
    }
    fn default_test() -> usize {
        2000
    }
    fn default_classes() -> usize {
        20
    }
    fn counts(&self) -> Counts {
        Counts { train: self.train, test: self.test }
    }
}

impl Source for Signs {
    fn check(&self, _: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        self.counts().check(self.classes)
    }

    fn list(&self, image_size: usize) -> Result<Listing> {
        let classes = (1..=self.classes).map(|number| format!("sign {number}")).collect();
        let (signs, hue_only) = (alphabet(self.classes), self.hue_only);
        Ok(self.counts().list(classes, move |image, seed| {
            let (class, number) = (image.number % signs.len(), image.number / signs.len());
            // By class and number within the class: images stay the same when classes or images are added.
            let rng = &mut stream(seed, "signs", &[image.is_test.into(), class as u64, number as u64]);
            render(&signs[class], hue_only, image_size, rng)
        }))
    }

    fn content(&self, image_size: usize) -> Value {
        json!({ "signs": self, "side": image_size })
    }

    fn pixels(&self, image_size: usize, is_test: bool) -> Value {
        let images = if is_test { self.test } else { self.train };
        json!({ "signs": { "classes": self.classes, "images": images, "hue_only": self.hue_only }, "is_test": is_test, "side": image_size })
    }

    fn place(&self) -> String {
        "signs".to_owned()
    }

    fn describe(&self) -> String {
        format!("{} classes of synthetic handwritten signs", self.classes)
    }
}
