//! Random resized crop (Szegedy et al. 2015), sampled as in torchvision.

use crate::augment::interval::interval;
use crate::augment::operator::one;
use crate::augment::{Operator, Scratch};
use crate::base::rng::{Rng, chance, unit};
use crate::imaging::{ImageRef, Region};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Random resized crop (Szegedy et al. 2015, as in torchvision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCrop {
    /// Area of the crop as a fraction of the image area, `[low, high]`, sampled uniformly.
    #[serde(default = "RandomResizedCrop::default_scale", deserialize_with = "interval")]
    #[schemars(extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 1 }))]
    pub scale: [f64; 2],
    /// Aspect ratio of the crop (width / height), `[low, high]`, sampled uniformly on a log scale.
    #[serde(default = "RandomResizedCrop::default_ratio", deserialize_with = "interval")]
    #[schemars(extend("items" = { "type": "number", "exclusiveMinimum": 0, "maximum": 100 }))]
    pub ratio: [f64; 2],
    /// Probability of being applied; otherwise the whole image is resized.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
}

impl RandomResizedCrop {
    fn default_scale() -> [f64; 2] {
        [0.08, 1.0]
    }
    fn default_ratio() -> [f64; 2] {
        [3.0 / 4.0, 4.0 / 3.0]
    }
}

impl Operator for RandomResizedCrop {
    fn summary() -> &'static str {
        "Crop a random region and resize it to the image size."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        false
    }

    fn crops_at_random(&self) -> bool {
        true
    }

    fn region(&self, image: ImageRef<'_>, rng: &mut Rng) -> Option<Region> {
        let is_applied = chance(self.p as f32, rng);
        let crop = sample(self, image.width, image.height, rng);
        Some(if is_applied { crop } else { Region::whole(image.width, image.height) })
    }

    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng) {
        scratch.crop(sample(self, scratch.side, scratch.side, rng));
    }
}

/// Attempts before the fallback.
const TRIES: usize = 10;

/// Samples the region of a `width` x `height` image that is kept.
///
/// The area is uniform, the aspect ratio uniform on a log scale; after ten attempts that do not fit, the largest center
/// crop with an aspect ratio in the range. The number of random numbers is always the same, so that images of different
/// sizes stay in sync when a batch shares one stream.
fn sample(config: &RandomResizedCrop, width: usize, height: usize, rng: &mut Rng) -> Region {
    let sizes: [(f32, f32); TRIES] = std::array::from_fn(|_| (unit(rng), unit(rng)));
    let position = (unit(rng), unit(rng));
    let size = sizes.into_iter().find_map(|sampled| crop_size(config, width, height, sampled));
    size.map_or_else(|| center_crop(config, width, height), |size| place(size, position, width, height))
}

/// Returns width and height for one pair of random numbers, if they fit into the image.
fn crop_size(
    config: &RandomResizedCrop,
    width: usize,
    height: usize,
    (area, ratio): (f32, f32),
) -> Option<(usize, usize)> {
    let between = |[low, high]: [f64; 2], fraction: f32| low + (high - low) * f64::from(fraction);
    let area = (width * height) as f64 * between(config.scale, area);
    let ratio = between(config.ratio.map(f64::ln), ratio).exp();
    let crop_width = (area * ratio).sqrt().round() as usize;
    let crop_height = (area / ratio).sqrt().round() as usize;
    let fits = (1..=width).contains(&crop_width) && (1..=height).contains(&crop_height);
    fits.then_some((crop_width, crop_height))
}

/// Places the crop in the image, uniformly over pixel offsets.
fn place((crop_width, crop_height): (usize, usize), (x, y): (f32, f32), width: usize, height: usize) -> Region {
    let offset = |free: usize, fraction: f32| ((fraction * (free + 1) as f32) as usize).min(free);
    let (left, top) = (offset(width - crop_width, x), offset(height - crop_height, y));
    Region { left, top, width: crop_width, height: crop_height }
}

/// Returns torchvision's fallback: the largest center crop with an aspect ratio in the range.
fn center_crop(config: &RandomResizedCrop, width: usize, height: usize) -> Region {
    let [low, high] = config.ratio;
    let ratio = width as f64 / height as f64;
    let (mut crop_width, mut crop_height) = (width, height);
    if ratio < low {
        crop_height = ((width as f64 / low).round() as usize).clamp(1, height);
    } else if ratio > high {
        crop_width = ((height as f64 * high).round() as usize).clamp(1, width);
    }
    Region { left: (width - crop_width) / 2, top: (height - crop_height) / 2, width: crop_width, height: crop_height }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    const CONFIG: RandomResizedCrop = RandomResizedCrop { scale: [0.08, 1.0], ratio: [0.75, 4.0 / 3.0], p: 1.0 };

    #[test]
    fn crops_are_inside_with_the_configured_area_and_ratio() {
        let (mut areas, count) = (0.0, 4000);
        for number in 0..count {
            let crop = sample(&CONFIG, 300, 200, &mut stream(1, "crop", &[number]));
            assert!(crop.left + crop.width <= 300 && crop.top + crop.height <= 200);
            let ratio = crop.width as f64 / crop.height as f64;
            assert!((0.74..1.35).contains(&ratio), "{ratio}");
            areas += (crop.width * crop.height) as f64 / 60_000.0;
        }
        // An image of 60,000 pixels only fits crops of up to 53,333 pixels at ratios up to 4/3, so large areas are
        // resampled: the mean of 100,000 crops of torchvision is 0.391.
        let mean = areas / count as f64;
        assert!((mean - 0.391).abs() < 0.015, "{mean}");
    }

    #[test]
    fn images_too_elongated_for_any_crop_fall_back_to_a_center_crop() {
        let config = RandomResizedCrop { scale: [0.9, 1.0], ..CONFIG };
        let crop = sample(&config, 1000, 10, &mut stream(1, "crop", &[]));
        assert_eq!(crop, Region { left: 493, top: 0, width: 13, height: 10 });
        let crop = sample(&config, 10, 1000, &mut stream(1, "crop", &[]));
        assert_eq!(crop, Region { left: 0, top: 493, width: 10, height: 13 });
    }
}
