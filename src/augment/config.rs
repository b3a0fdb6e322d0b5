//! Augmentation settings of a pipeline file.

use crate::base::range;
use crate::imaging::Fit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An augmentation policy: a list of operators.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Operators in the order they are applied.
    pub ops: Vec<OperatorConfig>,
    /// How often random parameters are sampled.
    #[serde(default)]
    pub draw: SamplingScope,
}

/// Maximum rotation of the hue in either direction, in turns: half the circle.
pub const MAX_HUE: f64 = 0.5;

impl PolicyConfig {
    /// Returns problems of the policy beyond single values: (index of the operator, a sentence without a period).
    pub fn problems(&self) -> Vec<(usize, String)> {
        let mut problems = Vec::new();
        let normalized = self.ops.iter().position(|operator| matches!(operator, OperatorConfig::Normalize(_)));
        for (index, operator) in self.ops.iter().enumerate() {
            if let OperatorConfig::ColorJitter(jitter) = operator
                && jitter.hue * jitter.strength > MAX_HUE
            {
                let hue = jitter.hue * jitter.strength;
                // Remove rounding error from the message: 0.2 times 3 is 0.6.
                let hue = (hue * 1e6).round() / 1e6;
                problems.push((index, format!("hue times strength must be at most {MAX_HUE}, got {hue}")));
            }
            if operator.needs_unit_range() && normalized.is_some_and(|normalized| normalized < index) {
                let name = operator.name();
                problems.push((index, format!("`{name}` needs values between 0 and 1: put `normalize` after it")));
            }
        }
        problems
    }
}

impl OperatorConfig {
    /// Returns the name in a pipeline file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RandomResizedCrop(_) => "random_resized_crop",
            Self::Resize(_) => "resize",
            Self::HorizontalFlip(_) => "horizontal_flip",
            Self::VerticalFlip(_) => "vertical_flip",
            Self::ColorJitter(_) => "color_jitter",
            Self::Grayscale(_) => "grayscale",
            Self::GaussianBlur(_) => "gaussian_blur",
            Self::Solarize(_) => "solarize",
            Self::Cutout(_) => "cutout",
            Self::RandomRotation(_) => "random_rotation",
            Self::Sobel(_) => "sobel",
            Self::GaussianNoise(_) => "gaussian_noise",
            Self::Normalize(_) => "normalize",
        }
    }

    /// Whether it requires values in [0, 1], which normalized images do not have.
    fn needs_unit_range(&self) -> bool {
        matches!(
            self,
            Self::ColorJitter(_)
                | Self::Solarize(_)
                | Self::Cutout(_)
                | Self::RandomRotation(_)
                | Self::Sobel(_)
                | Self::GaussianNoise(_)
                | Self::Normalize(_)
        )
    }
}

/// How often the random parameters of a policy are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SamplingScope {
    /// For every image and view separately.
    #[default]
    View,
    /// Once per batch and view, for all images of the batch, as in the W&B report.
    Batch,
}

/// One operator with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperatorConfig {
    /// Crop a random region and resize it to the image size.
    RandomResizedCrop(RandomResizedCropConfig),
    /// Resize to the image size.
    Resize(ResizeConfig),
    /// Flip left and right.
    HorizontalFlip(ProbabilityConfig),
    /// Flip top and bottom.
    VerticalFlip(ProbabilityConfig),
    /// Randomly change brightness, contrast, saturation and hue.
    ColorJitter(ColorJitterConfig),
    /// Convert to grayscale (luma) with three equal channels.
    Grayscale(GrayscaleConfig),
    /// Blur with a Gaussian of random standard deviation.
    GaussianBlur(GaussianBlurConfig),
    /// Invert the values at or above a threshold.
    Solarize(SolarizeConfig),
    /// Fill a random square with gray.
    Cutout(CutoutConfig),
    /// Rotate about the center by a random angle.
    RandomRotation(RandomRotationConfig),
    /// Replace each channel by the magnitude of its Sobel gradient.
    Sobel(ProbabilityConfig),
    /// Add independent Gaussian noise to every value.
    GaussianNoise(GaussianNoiseConfig),
    /// Subtract a mean and divide by a standard deviation per channel; the only operator that is also applied in
    /// evaluation.
    Normalize(NormalizeConfig),
}

/// Parameters of operators that only have a probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbabilityConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
}

/// Random resized crop (Szegedy et al. 2015, as in torchvision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCropConfig {
    /// Area of the crop as a fraction of the image area, `[low, high]`, sampled uniformly.
    #[serde(default = "RandomResizedCropConfig::default_scale", deserialize_with = "scale_interval")]
    pub scale: [f64; 2],
    /// Aspect ratio of the crop (width / height), `[low, high]`, sampled uniformly on a log scale.
    #[serde(default = "RandomResizedCropConfig::default_ratio", deserialize_with = "ratio_interval")]
    pub ratio: [f64; 2],
    /// Probability of being applied; otherwise the whole image is resized.
    #[serde(default = "one", deserialize_with = "range::probability")]
    pub p: f64,
}

impl RandomResizedCropConfig {
    fn default_scale() -> [f64; 2] {
        [0.08, 1.0]
    }
    fn default_ratio() -> [f64; 2] {
        [3.0 / 4.0, 4.0 / 3.0]
    }
}

/// Resize to the image size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeConfig {
    /// How an image that is not square becomes a square.
    #[serde(default)]
    pub fit: Fit,
}

/// Color jitter (Howard 2013; order and clipping as in the SimCLR code).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColorJitterConfig {
    /// Probability of being applied.
    #[serde(default = "ColorJitterConfig::default_p", deserialize_with = "range::probability")]
    pub p: f64,
    /// Strength s, a factor on the ranges of `brightness`, `contrast`, `saturation` and `hue`. With their defaults, the
    /// ranges are 0.8 s, and 0.2 s for hue, as in the SimCLR paper.
    #[serde(default = "one", deserialize_with = "range::non_negative")]
    pub strength: f64,
    /// Half-width of the brightness range, before scaling by `strength`.
    #[serde(default = "ColorJitterConfig::default_range", deserialize_with = "range::non_negative")]
    pub brightness: f64,
    /// Half-width of the contrast range, before scaling by `strength`.
    #[serde(default = "ColorJitterConfig::default_range", deserialize_with = "range::non_negative")]
    pub contrast: f64,
    /// Half-width of the saturation range, before scaling by `strength`.
    #[serde(default = "ColorJitterConfig::default_range", deserialize_with = "range::non_negative")]
    pub saturation: f64,
    /// Half-width of the hue range in turns, before scaling by `strength`; at most 0.5 after scaling.
    #[serde(default = "ColorJitterConfig::default_hue", deserialize_with = "range::non_negative")]
    pub hue: f64,
    /// Order in which the four adjustments are applied.
    #[serde(default)]
    pub order: JitterOrder,
    /// How brightness is adjusted.
    #[serde(default)]
    pub brightness_mode: BrightnessMode,
    /// When values are clipped to [0, 1].
    #[serde(default)]
    pub clip: JitterClip,
    /// Library whose definition of contrast and saturation is used.
    #[serde(default, skip_serializing_if = "JitterVariant::is_torchvision")]
    #[schemars(extend("default" = "torchvision"))]
    pub variant: JitterVariant,
}

impl ColorJitterConfig {
    fn default_p() -> f64 {
        0.8
    }
    fn default_range() -> f64 {
        0.8
    }
    fn default_hue() -> f64 {
        0.2
    }
}

/// Order of the four adjustments of color jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterOrder {
    /// A random order each time, as in the SimCLR paper.
    #[default]
    Random,
    /// Brightness, contrast, saturation, hue, as in the W&B report.
    Fixed,
}

/// How color jitter adjusts brightness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrightnessMode {
    /// Multiply by a factor from `U[max(0, 1 - b), 1 + b]`, as in the SimCLR code.
    #[default]
    Multiplicative,
    /// Add a shift from `U[-b, b]`, as in the W&B report.
    Additive,
}

/// Library whose definition of contrast and saturation color jitter uses. Hue is the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterVariant {
    /// Contrast scales around the mean luma of the image, saturation around the luma of each pixel.
    #[default]
    Torchvision,
    /// Contrast scales around the mean of each channel, saturation is that of HSV (`tf.image`, as in the SimCLR code).
    Tensorflow,
}

impl JitterVariant {
    fn is_torchvision(&self) -> bool {
        *self == Self::Torchvision
    }
}

/// When color jitter clips values to [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterClip {
    /// After each of the four adjustments, as in the SimCLR code.
    #[default]
    Each,
    /// Once, after all four adjustments, as in the W&B report.
    End,
}

/// Grayscale (luma of ITU-R BT.601, as in torchvision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrayscaleConfig {
    /// Probability of being applied.
    #[serde(default = "GrayscaleConfig::default_p", deserialize_with = "range::probability")]
    pub p: f64,
}

impl GrayscaleConfig {
    fn default_p() -> f64 {
        0.2
    }
}

/// Gaussian blur.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianBlurConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// Standard deviation in pixels, sampled uniformly from `[low, high]`.
    #[serde(default = "GaussianBlurConfig::default_sigma", deserialize_with = "sigma_interval")]
    pub sigma: [f64; 2],
    /// Kernel size as a fraction of the image size; rounded to an odd number of at least 3 pixels.
    #[serde(default = "GaussianBlurConfig::default_kernel", deserialize_with = "range::fraction")]
    pub kernel: f64,
}

impl GaussianBlurConfig {
    fn default_sigma() -> [f64; 2] {
        [0.1, 2.0]
    }
    fn default_kernel() -> f64 {
        0.1
    }
}

/// Solarize (as in BYOL).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SolarizeConfig {
    /// Probability of being applied.
    #[serde(default = "GrayscaleConfig::default_p", deserialize_with = "range::probability")]
    pub p: f64,
    /// Values at or above this threshold are inverted; 1 is white.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub threshold: f64,
}

/// Cutout (DeVries and Taylor 2017): a square filled with gray, 0.5.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutoutConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// Side of the square as a fraction of the image size.
    #[serde(default = "half", deserialize_with = "range::fraction")]
    pub size: f64,
}

/// Rotation about the center, with bilinear interpolation; pixels from outside the image are black.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomRotationConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// Maximum angle; the angle is sampled uniformly from `[-degrees, degrees]`.
    #[serde(deserialize_with = "range::non_negative")]
    pub degrees: f64,
}

/// Additive Gaussian noise, clipped to [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoiseConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// Standard deviation, sampled uniformly from `[low, high]`; 1 is the full range of values.
    #[serde(deserialize_with = "range::interval")]
    pub sigma: [f64; 2],
}

/// Normalization per channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormalizeConfig {
    /// Mean of the red, green and blue channels.
    pub mean: [f64; 3],
    /// Standard deviation of the red, green and blue channels; above 0.
    #[serde(deserialize_with = "standard_deviations")]
    pub std: [f64; 3],
}

fn half() -> f64 {
    0.5
}

fn one() -> f64 {
    1.0
}

fn scale_interval<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    positive_interval(deserializer, 1.0)
}

fn ratio_interval<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    positive_interval(deserializer, 100.0)
}

fn sigma_interval<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[f64; 2], D::Error> {
    positive_interval(deserializer, 1000.0)
}

fn positive_interval<'de, D: serde::Deserializer<'de>>(deserializer: D, max: f64) -> Result<[f64; 2], D::Error> {
    let [low, high] = range::interval(deserializer)?;
    if low > 0.0 && high <= max {
        return Ok([low, high]);
    }
    Err(serde::de::Error::custom(format!("must be [low, high] with 0 < low <= high <= {max}, got [{low}, {high}]")))
}

fn standard_deviations<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[f64; 3], D::Error> {
    let std = <[f64; 3]>::deserialize(deserializer)?;
    if std.iter().all(|s| s.is_finite() && *s > 0.0) {
        return Ok(std);
    }
    Err(serde::de::Error::custom(format!("must be three numbers above 0, got {std:?}")))
}
