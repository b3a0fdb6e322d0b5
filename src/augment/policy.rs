//! A policy: the operators in the order written, from the bytes of a picture to the values a network sees.

use crate::augment::config::{Draw, OperatorConfig, PolicyConfig};
use crate::augment::gaussian_blur::BlurBuffers;
use crate::augment::{
    color_jitter, cutout, flip, gaussian_blur, gaussian_noise, grayscale, normalize, random_resized_crop,
    random_rotation, sobel, solarize,
};
use crate::base::rng::{Rng, chance};
use crate::picture::resample::Source;
use crate::picture::vector::vectorized;
use crate::picture::{CHANNELS, Fit, Flip, Picture, Region, Resampler};

/// Operators ready to be applied to pictures.
///
/// A crop or resize at the head, with the flips right behind it, is one pass over the bytes of the picture; a policy
/// that begins with something else resizes the picture first, as its data set says. A crop further back crops the
/// picture as it is by then, at the image size.
#[derive(Clone, Debug)]
pub struct Policy {
    operators: Vec<OperatorConfig>,
    side: usize,
    fit: Fit,
    draw: Draw,
}

/// Buffers for one view at a time, kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    resampler: Resampler,
    /// `[3, side, side]`, the picture in work.
    planes: Vec<f32>,
    /// `[3, side, side]`, for operators that cannot work in place.
    spare: Vec<f32>,
    blur: BlurBuffers,
}

impl Policy {
    /// The policy for pictures of `side` pixels; `fit` resizes them where it has no crop or resize at its head.
    pub fn new(config: &PolicyConfig, side: usize, fit: Fit) -> Self {
        Self { operators: config.ops.clone(), side, fit, draw: config.draw }
    }

    /// What is done to pictures that are not augmented: resized by `fit`, then the policy's `normalize` operators.
    pub fn evaluation(config: Option<&PolicyConfig>, side: usize, fit: Fit) -> Self {
        let operators = config.map_or(&[][..], |config| &config.ops);
        let is_normalize = |operator: &&OperatorConfig| matches!(operator, OperatorConfig::Normalize(_));
        Self { operators: operators.iter().filter(is_normalize).cloned().collect(), side, fit, draw: Draw::View }
    }

    /// Side in pixels of the pictures it makes.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether all pictures of a batch and view share their random numbers.
    pub fn draws_per_batch(&self) -> bool {
        self.draw == Draw::Batch
    }

    /// Makes one view: `out` is `[side, side, 3]`, values in [0, 1] unless normalised.
    pub fn apply(&self, picture: Picture<'_>, rng: &mut Rng, scratch: &mut Scratch, out: &mut [f32]) {
        let length = CHANNELS * self.side * self.side;
        scratch.planes.resize(length, 0.0);
        scratch.spare.resize(length, 0.0);
        let (region, flip, rest) = self.head(picture, rng);
        let source = Source { width: picture.width, values: picture.rgb };
        scratch.resampler.planes(source, region, self.side, flip, &mut scratch.planes);
        for operator in rest {
            self.step(operator, rng, scratch);
        }
        interleave(&scratch.planes, out);
    }

    /// What is read from the picture itself, how it is mirrored, and the operators after that.
    fn head(&self, picture: Picture<'_>, rng: &mut Rng) -> (Region, Flip, &[OperatorConfig]) {
        let (width, height) = (picture.width, picture.height);
        let (region, mut rest) = match self.operators.split_first() {
            Some((OperatorConfig::RandomResizedCrop(config), rest)) => {
                let happens = chance(config.p as f32, rng);
                let crop = random_resized_crop::draw(config, width, height, rng);
                (if happens { crop } else { Region::whole(width, height) }, rest)
            }
            Some((OperatorConfig::Resize(config), rest)) => (picture.kept(config.fit), rest),
            _ => (picture.kept(self.fit), &self.operators[..]),
        };
        let mut flip = Flip::default();
        while let Some((first, after)) = rest.split_first() {
            match first {
                OperatorConfig::HorizontalFlip(config) => flip.horizontal ^= chance(config.p as f32, rng),
                OperatorConfig::VerticalFlip(config) => flip.vertical ^= chance(config.p as f32, rng),
                _ => break,
            }
            rest = after;
        }
        (region, flip, rest)
    }

    /// Applies one operator to the picture in work. The chance is drawn first, the parameters only if it happens.
    fn step(&self, operator: &OperatorConfig, rng: &mut Rng, scratch: &mut Scratch) {
        let side = self.side;
        if !chance(probability(operator) as f32, rng) {
            return;
        }
        let planes = &mut scratch.planes;
        match operator {
            OperatorConfig::RandomResizedCrop(config) => {
                let region = random_resized_crop::draw(config, side, side, rng);
                interleave(planes, &mut scratch.spare);
                let source = Source { width: side, values: &scratch.spare[..] };
                scratch.resampler.planes(source, region, side, Flip::default(), planes);
            }
            OperatorConfig::Resize(_) => {} // It has this size already.
            OperatorConfig::HorizontalFlip(_) => flip::horizontal(planes, side),
            OperatorConfig::VerticalFlip(_) => flip::vertical(planes, side),
            OperatorConfig::ColorJitter(config) => {
                color_jitter::apply(planes, &color_jitter::draw(config, rng), config.clip);
            }
            OperatorConfig::Grayscale(_) => grayscale::grayscale(planes),
            OperatorConfig::GaussianBlur(config) => {
                let sigma = gaussian_blur::draw(config, rng);
                let kernel = gaussian_blur::kernel_side(config, side);
                gaussian_blur::gaussian_blur(planes, side, kernel, sigma, &mut scratch.blur);
            }
            OperatorConfig::Solarize(config) => solarize::solarize(planes, config.threshold as f32),
            OperatorConfig::Cutout(config) => cutout::cutout(planes, side, &cutout::draw(config, side, rng)),
            OperatorConfig::RandomRotation(config) => {
                random_rotation::rotate(planes, side, random_rotation::draw(config, rng), &mut scratch.spare);
                std::mem::swap(planes, &mut scratch.spare);
            }
            OperatorConfig::Sobel(_) => {
                sobel::sobel(planes, side, &mut scratch.spare);
                std::mem::swap(planes, &mut scratch.spare);
            }
            OperatorConfig::GaussianNoise(config) => {
                gaussian_noise::add_noise(planes, gaussian_noise::draw(config, rng), rng);
            }
            OperatorConfig::Normalize(config) => normalize::normalize(planes, config.mean, config.std),
        }
    }
}

/// Probability of an operator.
fn probability(operator: &OperatorConfig) -> f64 {
    match operator {
        OperatorConfig::RandomResizedCrop(config) => config.p,
        OperatorConfig::Resize(_) | OperatorConfig::Normalize(_) => 1.0,
        OperatorConfig::HorizontalFlip(config)
        | OperatorConfig::VerticalFlip(config)
        | OperatorConfig::Sobel(config) => config.p,
        OperatorConfig::ColorJitter(config) => config.p,
        OperatorConfig::Grayscale(config) => config.p,
        OperatorConfig::GaussianBlur(config) => config.p,
        OperatorConfig::Solarize(config) => config.p,
        OperatorConfig::Cutout(config) => config.p,
        OperatorConfig::RandomRotation(config) => config.p,
        OperatorConfig::GaussianNoise(config) => config.p,
    }
}

vectorized! {
    /// `[3, side, side]` to `[side, side, 3]`.
    fn interleave(planes: &[f32], out: &mut [f32]) {
        let (red, green, blue) = crate::augment::planes(planes);
        let (pixels, _) = out.as_chunks_mut::<CHANNELS>();
        for (((pixel, red), green), blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [*red, *green, *blue];
        }
    }
}
