//! A policy: operators in the order written, from the bytes of an image to the input of a network.

use crate::augment::config::{OperatorConfig, PolicyConfig, SamplingScope};
use crate::augment::gaussian_blur::BlurBuffers;
use crate::augment::{
    color_jitter, cutout, flip, gaussian_blur, gaussian_noise, grayscale, normalize, random_resized_crop,
    random_rotation, sobel, solarize,
};
use crate::base::rng::{Rng, chance};
use crate::imaging::resample::ResampleInput;
use crate::imaging::vector::vectorized;
use crate::imaging::{CHANNELS, Fit, Flip, ImageRef, Region, Resampler};

/// Operators ready to be applied to images.
///
/// An initial crop or resize, with the flips directly after it, is one resampling of the bytes of the image; a policy
/// that starts with another operator first resizes the image by `fit` of its data set. A later crop is applied to the
/// intermediate image, at the image size.
#[derive(Clone, Debug)]
pub struct Policy {
    operators: Vec<OperatorConfig>,
    side: usize,
    fit: Fit,
    sampling: SamplingScope,
}

/// Reusable buffers for one view at a time.
#[derive(Debug, Default)]
pub struct Scratch {
    resampler: Resampler,
    /// `[3, side, side]`, the intermediate image.
    planes: Vec<f32>,
    /// `[3, side, side]`, the output of operators that cannot work in place.
    output: Vec<f32>,
    blur: BlurBuffers,
}

impl Policy {
    /// Creates the policy for images of `side` pixels; `fit` resizes them if the policy does not start with a crop or
    /// resize.
    pub fn new(config: &PolicyConfig, side: usize, fit: Fit) -> Self {
        Self { operators: config.ops.clone(), side, fit, sampling: config.draw }
    }

    /// Creates the preprocessing of evaluation: resizing by `fit`, then the `normalize` operators of the policy.
    pub fn evaluation(config: Option<&PolicyConfig>, side: usize, fit: Fit) -> Self {
        let operators = config.map_or(&[][..], |config| &config.ops);
        let is_normalize = |operator: &&OperatorConfig| matches!(operator, OperatorConfig::Normalize(_));
        Self {
            operators: operators.iter().filter(is_normalize).cloned().collect(),
            side,
            fit,
            sampling: SamplingScope::View,
        }
    }

    /// Returns the side of its output images in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether all images of a batch share the random numbers of a view.
    pub fn is_same_on_batch(&self) -> bool {
        self.sampling == SamplingScope::Batch
    }

    /// Makes one view: `out` is `[side, side, 3]`, values in [0, 1] unless normalized.
    pub fn apply(&self, image: ImageRef<'_>, rng: &mut Rng, scratch: &mut Scratch, out: &mut [f32]) {
        let length = CHANNELS * self.side * self.side;
        scratch.planes.resize(length, 0.0);
        scratch.output.resize(length, 0.0);
        let (region, flip, rest) = self.resampling(image, rng);
        let source = ResampleInput { width: image.width, values: image.rgb };
        scratch.resampler.planes(source, region, self.side, flip, &mut scratch.planes);
        for operator in rest {
            self.step(operator, rng, scratch);
        }
        interleave(&scratch.planes, out);
    }

    /// Returns the region read from the image, its flips, and the remaining operators.
    fn resampling(&self, image: ImageRef<'_>, rng: &mut Rng) -> (Region, Flip, &[OperatorConfig]) {
        let (width, height) = (image.width, image.height);
        let (region, mut rest) = match self.operators.split_first() {
            Some((OperatorConfig::RandomResizedCrop(config), rest)) => {
                let is_applied = chance(config.p as f32, rng);
                let crop = random_resized_crop::sample(config, width, height, rng);
                (if is_applied { crop } else { Region::whole(width, height) }, rest)
            }
            Some((OperatorConfig::Resize(config), rest)) => (image.kept(config.fit), rest),
            _ => (image.kept(self.fit), &self.operators[..]),
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

    /// Applies one operator to the intermediate image. Its parameters are sampled only if it is applied.
    fn step(&self, operator: &OperatorConfig, rng: &mut Rng, scratch: &mut Scratch) {
        let side = self.side;
        if !chance(probability(operator) as f32, rng) {
            return;
        }
        let planes = &mut scratch.planes;
        match operator {
            OperatorConfig::RandomResizedCrop(config) => {
                let region = random_resized_crop::sample(config, side, side, rng);
                interleave(planes, &mut scratch.output);
                let source = ResampleInput { width: side, values: &scratch.output[..] };
                scratch.resampler.planes(source, region, side, Flip::default(), planes);
            }
            OperatorConfig::Resize(_) => {} // The intermediate image already has this size.
            OperatorConfig::HorizontalFlip(_) => flip::horizontal(planes, side),
            OperatorConfig::VerticalFlip(_) => flip::vertical(planes, side),
            OperatorConfig::ColorJitter(config) => {
                color_jitter::apply(planes, &color_jitter::sample(config, rng), config.clip);
            }
            OperatorConfig::Grayscale(_) => grayscale::grayscale(planes),
            OperatorConfig::GaussianBlur(config) => {
                let sigma = gaussian_blur::sample(config, rng);
                let kernel = gaussian_blur::kernel_side(config, side);
                gaussian_blur::gaussian_blur(planes, side, kernel, sigma, &mut scratch.blur);
            }
            OperatorConfig::Solarize(config) => solarize::solarize(planes, config.threshold as f32),
            OperatorConfig::Cutout(config) => cutout::cutout(planes, side, &cutout::sample(config, side, rng)),
            OperatorConfig::RandomRotation(config) => {
                random_rotation::rotate(planes, side, random_rotation::sample(config, rng), &mut scratch.output);
                std::mem::swap(planes, &mut scratch.output);
            }
            OperatorConfig::Sobel(_) => {
                sobel::sobel(planes, side, &mut scratch.output);
                std::mem::swap(planes, &mut scratch.output);
            }
            OperatorConfig::GaussianNoise(config) => {
                gaussian_noise::add_noise(planes, gaussian_noise::sample(config, rng), rng);
            }
            OperatorConfig::Normalize(config) => normalize::normalize(planes, config.mean, config.std),
        }
    }
}

/// Returns the probability of an operator.
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
    /// Converts `[3, side, side]` to `[side, side, 3]`.
    fn interleave(planes: &[f32], out: &mut [f32]) {
        let (red, green, blue) = crate::augment::planes(planes);
        let (pixels, _) = out.as_chunks_mut::<CHANNELS>();
        for (((pixel, red), green), blue) in pixels.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [*red, *green, *blue];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::{below, stream};
    use crate::imaging::Image;

    const SIDE: usize = 32;

    fn image(width: usize, height: usize) -> Image {
        let mut rng = stream(5, "image", &[]);
        Image { width, height, rgb: (0..3 * width * height).map(|_| below(256, &mut rng) as u8).collect() }
    }

    fn config(ops: &str) -> PolicyConfig {
        toml::from_str(&format!("ops = [{ops}]")).unwrap()
    }

    fn view(policy: &Policy, image: &Image, seed: u64) -> Vec<f32> {
        let mut out = vec![f32::NAN; 3 * SIDE * SIDE];
        policy.apply(image.view(), &mut stream(seed, "view", &[]), &mut Scratch::default(), &mut out);
        out
    }

    fn apply(ops: &str, seed: u64) -> Vec<f32> {
        view(&Policy::new(&config(ops), SIDE, Fit::Squash), &image(40, 50), seed)
    }

    const EVERYTHING: &str = "{ random_resized_crop = {} }, { horizontal_flip = {} }, { vertical_flip = {} },
        { color_jitter = { order = \"fixed\", brightness_mode = \"additive\", clip = \"end\" } }, { grayscale = {} },
        { gaussian_blur = { kernel = 1.0 } }, { solarize = {} }, { cutout = {} }, { random_rotation = { degrees = 30 } },
        { sobel = {} }, { random_resized_crop = {} }, { horizontal_flip = {} }, { vertical_flip = {} }, { resize = {} },
        { gaussian_noise = { sigma = [0.0, 0.1] } }";

    #[test]
    fn every_operator_on_images_of_any_size_keeps_values_between_0_and_1() {
        for side in [8, 9, 33] {
            let policy = Policy::new(&config(EVERYTHING), side, Fit::CenterCrop);
            let (mut scratch, mut out) = (Scratch::default(), vec![0.0; 3 * side * side]);
            for (seed, size) in [(1, 1), (1, 300), (300, 1), (7, 8), (64, 48)].into_iter().enumerate() {
                let image = image(size.0, size.1);
                for view in 0..20 {
                    let mut rng = stream(seed as u64, "all", &[view]);
                    policy.apply(image.view(), &mut rng, &mut scratch, &mut out);
                    assert!(out.iter().all(|value| (-1e-5..=1.0 + 1e-5).contains(value)), "{side} {size:?}");
                }
            }
        }
    }

    #[test]
    fn reused_buffers_do_not_change_the_result() {
        let policy = Policy::new(&config(EVERYTHING), SIDE, Fit::Squash);
        let mut scratch = Scratch::default();
        let mut out = vec![0.0; 3 * SIDE * SIDE];
        for seed in 0..30 {
            let image = image(20 + seed as usize, 90 - seed as usize);
            policy.apply(image.view(), &mut stream(seed, "view", &[]), &mut scratch, &mut out);
            assert_eq!(out, view(&policy, &image, seed));
        }
    }

    #[test]
    fn a_probability_of_0_only_resizes() {
        let never =
            "{ random_resized_crop = { p = 0.0 } }, { horizontal_flip = { p = 0.0 } }, { color_jitter = { p = 0.0 } },
            { grayscale = { p = 0.0 } }, { gaussian_blur = { p = 0.0 } }, { solarize = { p = 0.0 } }";
        assert_eq!(apply(never, 1), apply("", 1));
        assert_eq!(apply("{ color_jitter = { strength = 0.0, p = 1.0 } }", 1), apply("", 1));
    }

    #[test]
    fn operators_are_applied_with_their_probability() {
        let plain = apply("", 0);
        let changed = (0..2000).filter(|&seed| apply("{ solarize = { p = 0.3 } }", seed) != plain).count();
        assert!((520..680).contains(&changed), "{changed} of 2000"); // Four standard deviations around 600.
        let flipped = (0..2000).filter(|&seed| apply("{ horizontal_flip = {} }", seed) != plain).count();
        assert!((910..1090).contains(&flipped), "{flipped} of 2000");
    }

    #[test]
    fn the_order_written_is_the_order_applied() {
        let (solarize, blur) = ("{ solarize = { p = 1.0 } }", "{ gaussian_blur = { p = 1.0, sigma = [1.0, 1.0] } }");
        assert_ne!(apply(&format!("{solarize}, {blur}"), 1), apply(&format!("{blur}, {solarize}"), 1));
    }

    #[test]
    fn evaluation_resizes_and_normalizes_only() {
        let normalize = "{ normalize = { mean = [0.1, 0.2, 0.3], std = [0.5, 0.25, 2.0] } }";
        let both = config(&format!("{EVERYTHING}, {normalize}"));
        let image = image(40, 50);
        let evaluated = view(&Policy::evaluation(Some(&both), SIDE, Fit::Squash), &image, 1);
        let plain = view(&Policy::evaluation(None, SIDE, Fit::Squash), &image, 2);
        for (index, (evaluated, plain)) in evaluated.iter().zip(&plain).enumerate() {
            let channel = index % 3;
            let expected = (plain - [0.1, 0.2, 0.3][channel]) / [0.5, 0.25, 2.0][channel];
            assert!((evaluated - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn fit_decides_how_a_wide_image_is_resized() {
        let wide = Image {
            width: 60,
            height: 20,
            rgb: [[255, 0, 0]; 20]
                .into_iter()
                .chain([[0, 0, 255]; 20])
                .chain([[255, 0, 0]; 20])
                .flatten()
                .collect::<Vec<u8>>()
                .repeat(20),
        };
        let middle = view(&Policy::evaluation(None, SIDE, Fit::CenterCrop), &wide, 1);
        assert!(middle.chunks(3).all(|pixel| (pixel[2] - 1.0).abs() < 1e-6));
        let whole = view(&Policy::evaluation(None, SIDE, Fit::Squash), &wide, 1);
        assert!((whole[0] - 1.0).abs() < 1e-6 && whole[2].abs() < 1e-6);
    }

    #[test]
    fn problems_of_a_policy_are_found() {
        let problems = config("{ normalize = { mean = [0, 0, 0], std = [1, 1, 1] } }, { solarize = {} }, { color_jitter = { hue = 0.3, strength = 2.0 } }").problems();
        assert_eq!(problems.iter().map(|problem| problem.0).collect::<Vec<_>>(), [1, 2, 2]);
        assert!(config(EVERYTHING).problems().is_empty());
    }
}
