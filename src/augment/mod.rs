//! Augmentation: a policy is a list of operators applied in the order written, each with its own probability, sampled
//! per image and view.
//!
//! Operators work on `[3, side, side]` planes of f32 with values between 0 and 1. Each [`Operator`] has its own file:
//! its parameters with their documentation, how random ones are sampled, and what it does to an image. With fixed
//! parameters it is tested against torchvision v2 on float images (`tests/golden_augment.rs`). Inner loops are written
//! to vectorize, and a [`Scratch`] keeps all buffers, so that making a view allocates nothing.
//!
//! ```
//! use simclr::augment::{Policy, PolicyConfig, Scratch};
//! use simclr::base::rng::stream;
//! use simclr::imaging::{Fit, Image};
//!
//! let config: PolicyConfig = toml::from_str("ops = [{ random_resized_crop = {} }, { color_jitter = {} }]")?;
//! let policy = Policy::new(&config, 8, Fit::Squash);
//! let image = Image { width: 20, height: 10, rgb: (0..20 * 10 * 3).map(|index| (index % 256) as u8).collect() };
//! let (mut scratch, mut views) = (Scratch::default(), [vec![0.0; 3 * 8 * 8], vec![0.0; 3 * 8 * 8]]);
//! for (view, values) in (0..).zip(&mut views) {
//!     policy.apply(image.view(), &mut stream(1, "views", &[view]), &mut scratch, values);
//! }
//! assert_ne!(views[0], views[1]);
//! assert!(views.concat().iter().all(|value| (0.0..=1.0).contains(value)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod brightness;
pub mod color_jitter;
pub(crate) mod config;
pub mod contrast;
pub mod cutout;
pub mod flip;
pub mod gaussian_blur;
pub(crate) mod gaussian_noise;
pub mod grayscale;
pub(crate) mod horizontal_flip;
pub mod hue;
mod interval;
pub mod normalize;
mod operator;
mod policy;
pub(crate) mod posterize;
pub(crate) mod random_resized_crop;
pub mod random_rotation;
pub(crate) mod resize;
pub mod saturation;
mod scratch;
pub mod sobel;
pub mod solarize;
pub(crate) mod vertical_flip;

pub use config::{PolicyConfig, SamplingScope};
pub use operator::{Operator, OperatorProblem};
pub use policy::Policy;
pub use scratch::Scratch;

use crate::imaging::CHANNELS;

operator::operators! {
    random_resized_crop::RandomResizedCrop,
    resize::Resize,
    horizontal_flip::HorizontalFlip,
    vertical_flip::VerticalFlip,
    color_jitter::ColorJitter,
    grayscale::Grayscale,
    gaussian_blur::GaussianBlur,
    solarize::Solarize,
    posterize::Posterize,
    cutout::Cutout,
    random_rotation::RandomRotation,
    sobel::Sobel,
    gaussian_noise::GaussianNoise,
    normalize::Normalize,
}

/// Splits `[3, side, side]` into its red, green and blue planes.
fn planes_mut(planes: &mut [f32]) -> (&mut [f32], &mut [f32], &mut [f32]) {
    let area = planes.len() / CHANNELS;
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    (red, green, blue)
}

/// Splits `[3, side, side]` into its red, green and blue planes.
fn planes(planes: &[f32]) -> (&[f32], &[f32], &[f32]) {
    let area = planes.len() / CHANNELS;
    (&planes[..area], &planes[area..2 * area], &planes[2 * area..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::imaging::{Fit, Image};

    #[test]
    fn operators_are_read_by_the_names_of_their_files() {
        let schema = schemars::schema_for!(OperatorConfig).to_value();
        let keys = schema["oneOf"].as_array().unwrap().iter().map(|variant| variant["required"][0].as_str().unwrap());
        assert_eq!(keys.collect::<Vec<_>>(), OperatorConfig::NAMES);
    }

    /// The documentation has every operator, so that a new one is tested without being named here.
    #[test]
    fn every_operator_keeps_values_between_0_and_1_unless_it_says_otherwise() {
        let file: toml::Table = include_str!("../../docs/every_key.toml").parse().unwrap();
        let documented: PolicyConfig = file["augment"]["every"].clone().try_into().unwrap();
        let names: Vec<&str> = documented.ops.iter().map(OperatorConfig::name).collect();
        assert_eq!(names, OperatorConfig::NAMES);
        let image =
            Image { width: 30, height: 20, rgb: (0..30 * 20 * 3).map(|index| (index * 37 % 256) as u8).collect() };
        for operator in documented.ops {
            let (name, is_kept) = (operator.name(), operator.operator().keeps_unit_range());
            let policy = PolicyConfig { ops: vec![operator.clone(), operator], draw: SamplingScope::View };
            let (policy, mut scratch) = (Policy::new(&policy, 16, Fit::Squash), Scratch::default());
            let mut out = vec![f32::NAN; 3 * 16 * 16];
            let are_inside = (0..20).all(|seed| {
                policy.apply(image.view(), &mut stream(seed, "view", &[]), &mut scratch, &mut out);
                out.iter().all(|value| (-1e-5..=1.0 + 1e-5).contains(value))
            });
            assert_eq!(are_inside, is_kept, "{name}");
        }
    }
}
