//! A policy: operators in the order written, from the bytes of an image to the input of a network.

use crate::augment::{OperatorConfig, PolicyConfig, SamplingScope, Scratch};
use crate::base::rng::{Rng, chance};
use crate::imaging::{Fit, Flip, ImageRef, Region};

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

impl Policy {
    /// Creates the policy for images of `side` pixels; `fit` resizes them if the policy does not start with a crop or
    /// resize.
    pub fn new(config: &PolicyConfig, side: usize, fit: Fit) -> Self {
        Self { operators: config.ops.clone(), side, fit, sampling: config.draw }
    }

    /// Creates the preprocessing of evaluation: resizing by `fit`, then the operators of the policy that are also
    /// applied in evaluation.
    pub fn evaluation(config: Option<&PolicyConfig>, side: usize, fit: Fit) -> Self {
        let operators = config.map_or(&[][..], |config| &config.ops);
        let operators = operators.iter().filter(|operator| operator.operator().is_for_evaluation());
        Self { operators: operators.cloned().collect(), side, fit, sampling: SamplingScope::View }
    }

    /// Returns the side of its output images in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether all images of a batch share the random numbers of a view.
    pub(crate) fn is_same_on_batch(&self) -> bool {
        self.sampling == SamplingScope::Batch
    }

    /// Makes one view: `out` is `[side, side, 3]`, values in [0, 1] unless normalized.
    pub fn apply(&self, image: ImageRef<'_>, rng: &mut Rng, scratch: &mut Scratch, out: &mut [f32]) {
        let (region, flip, rest) = self.resampling(image, rng);
        scratch.read(image, region, flip, self.side);
        for operator in rest {
            let operator = operator.operator();
            if chance(operator.probability().unwrap_or(1.0) as f32, rng) {
                operator.apply(scratch, rng);
            }
        }
        scratch.write(out);
    }

    /// Returns the region read from the image, its flips, and the remaining operators.
    fn resampling(&self, image: ImageRef<'_>, rng: &mut Rng) -> (Region, Flip, &[OperatorConfig]) {
        let first = self.operators.split_first();
        let cropped = first.and_then(|(first, rest)| Some((first.operator().region(image, rng)?, rest)));
        let (region, mut rest) = cropped.unwrap_or_else(|| (image.kept(self.fit), &self.operators));
        let mut flip = Flip::default();
        while let Some((first, after)) = rest.split_first()
            && let Some(flipped) = first.operator().flip(flip, rng)
        {
            (flip, rest) = (flipped, after);
        }
        (region, flip, rest)
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
