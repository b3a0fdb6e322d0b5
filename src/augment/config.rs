//! What a pipeline file says of augmentation.

use crate::base::range;
use crate::imaging::Fit;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An augmentation policy: operators in the order they are applied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyConfig {
    /// Operators in the order they are applied.
    pub ops: Vec<OperatorConfig>,
    /// How often random choices are drawn.
    #[serde(default)]
    pub draw: Draw,
}

/// Largest turn of the hue in either direction: half the circle.
pub const MOST_HUE: f64 = 0.5;

impl PolicyConfig {
    /// What is wrong with the policy beyond single values: (index of the operator, a sentence without a full stop).
    pub fn problems(&self) -> Vec<(usize, String)> {
        let mut problems = Vec::new();
        let normalized = self.ops.iter().position(|operator| matches!(operator, OperatorConfig::Normalize(_)));
        for (index, operator) in self.ops.iter().enumerate() {
            if let OperatorConfig::ColorJitter(jitter) = operator
                && jitter.hue * jitter.strength > MOST_HUE
            {
                let hue = jitter.hue * jitter.strength;
                // Without the digits that are only rounding: .2 times 3 is .6.
                let hue = (hue * 1e6).round() / 1e6;
                problems.push((index, format!("hue times strength must be at most {MOST_HUE}, got {hue}")));
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
    /// Name in a pipeline file.
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

    /// Whether it clips, inverts or fills in a way that only makes sense before normalization.
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

/// How often the random choices of a policy are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// For every image and view anew.
    #[default]
    View,
    /// Once for all images of a batch and view, as the report did.
    Batch,
}

/// One operator with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OperatorConfig {
    /// Crop a random part and resize it to the image size.
    RandomResizedCrop(RandomResizedCropConfig),
    /// Resize to the image size.
    Resize(ResizeConfig),
    /// Mirror left and right.
    HorizontalFlip(ChanceConfig),
    /// Mirror top and bottom.
    VerticalFlip(ChanceConfig),
    /// Change brightness, contrast, saturation and hue at random.
    ColorJitter(ColorJitterConfig),
    /// Replace the colors by their luma, kept in three channels.
    Grayscale(GrayscaleConfig),
    /// Blur with a Gaussian of random width.
    GaussianBlur(GaussianBlurConfig),
    /// Invert the values at or above a threshold.
    Solarize(SolarizeConfig),
    /// Blank a random square.
    Cutout(CutoutConfig),
    /// Rotate about the center by a random angle.
    RandomRotation(RandomRotationConfig),
    /// Replace the image by the length of its Sobel gradient.
    Sobel(ChanceConfig),
    /// Add independent Gaussian noise to every value.
    GaussianNoise(GaussianNoiseConfig),
    /// Subtract a mean and divide by a standard deviation, channel by channel; also applied where nothing else is
    /// augmented (evaluation).
    Normalize(NormalizeConfig),
}

/// Parameters of an operator that has only a probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChanceConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
}

/// Random resized crop (Szegedy et al. 2015, as in torchvision).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomResizedCropConfig {
    /// Area of the crop as a part of the image's, `[low, high]`.
    #[serde(default = "RandomResizedCropConfig::default_scale", deserialize_with = "scale_interval")]
    pub scale: [f64; 2],
    /// Width / height of the crop, `[low, high]`, drawn uniformly in its logarithm.
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
    /// What happens to an image that is not square.
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
    /// Scales the four ranges below: brightness, contrast and saturation .8 s, hue .2 s.
    #[serde(default = "one", deserialize_with = "range::not_negative")]
    pub strength: f64,
    /// Half-width of the brightness range before scaling by `strength`.
    #[serde(default = "ColorJitterConfig::default_range", deserialize_with = "range::not_negative")]
    pub brightness: f64,
    /// Half-width of the contrast range before scaling by `strength`.
    #[serde(default = "ColorJitterConfig::default_range", deserialize_with = "range::not_negative")]
    pub contrast: f64,
    /// Half-width of the saturation range before scaling by `strength`.
    #[serde(default = "ColorJitterConfig::default_range", deserialize_with = "range::not_negative")]
    pub saturation: f64,
    /// Half-width of the hue range in turns before scaling by `strength`; at most 0.5 after it.
    #[serde(default = "ColorJitterConfig::default_hue", deserialize_with = "range::not_negative")]
    pub hue: f64,
    /// Order of the four changes.
    #[serde(default)]
    pub order: JitterOrder,
    /// How brightness is changed.
    #[serde(default)]
    pub brightness_mode: BrightnessMode,
    /// When values are clipped to [0, 1].
    #[serde(default)]
    pub clip: Clip,
    /// Whose contrast and saturation are meant.
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

/// Order of the four changes of color jitter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterOrder {
    /// A random order each time, as in the paper.
    #[default]
    Random,
    /// Brightness, contrast, saturation, hue, as in the report.
    Fixed,
}

/// How color jitter changes brightness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BrightnessMode {
    /// Multiply by `U[1 - b, 1 + b]` (not below 0), as in the paper's code.
    #[default]
    Multiplicative,
    /// Add `U[-b, b]`, as in the report.
    Additive,
}

/// Whose contrast and saturation color jitter has. Hue is the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JitterVariant {
    /// Contrast around the image's mean luma, saturation around each pixel's luma.
    #[default]
    Torchvision,
    /// Contrast around each channel's own mean, the saturation of HSV (`tf.image`, so also the SimCLR code).
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
pub enum Clip {
    /// After each of the four changes, as in the paper's code.
    #[default]
    Each,
    /// Once, after all four, as in the report.
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
    /// Standard deviation in pixels, drawn uniformly from `[low, high]`.
    #[serde(default = "GaussianBlurConfig::default_sigma", deserialize_with = "sigma_interval")]
    pub sigma: [f64; 2],
    /// Side of the kernel as a part of the image size; made odd and at least 3.
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
    /// Values at or above this are inverted; 1 is white.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub threshold: f64,
}

/// Cutout (DeVries and Taylor 2017): a square of the image's middle gray.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CutoutConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// Side of the square as a part of the image size.
    #[serde(default = "half", deserialize_with = "range::fraction")]
    pub size: f64,
}

/// Rotation about the center; what comes from outside is black.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomRotationConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// The angle is drawn uniformly from `[-degrees, degrees]`.
    #[serde(deserialize_with = "range::not_negative")]
    pub degrees: f64,
}

/// Additive Gaussian noise, clipped to [0, 1].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaussianNoiseConfig {
    /// Probability of being applied.
    #[serde(default = "half", deserialize_with = "range::probability")]
    pub p: f64,
    /// Standard deviation, drawn uniformly from `[low, high]`; 1 is white.
    #[serde(deserialize_with = "range::interval")]
    pub sigma: [f64; 2],
}

/// Normalization by channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NormalizeConfig {
    /// Mean of red, green, blue.
    pub mean: [f64; 3],
    /// Standard deviation of red, green, blue; above 0.
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

fn positive_interval<'de, D: serde::Deserializer<'de>>(deserializer: D, most: f64) -> Result<[f64; 2], D::Error> {
    let [low, high] = range::interval(deserializer)?;
    if low > 0.0 && high <= most {
        return Ok([low, high]);
    }
    Err(serde::de::Error::custom(format!("must be [low, high] with 0 < low <= high <= {most}, got [{low}, {high}]")))
}

fn standard_deviations<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[f64; 3], D::Error> {
    let std = <[f64; 3]>::deserialize(deserializer)?;
    if std.iter().all(|s| s.is_finite() && *s > 0.0) {
        return Ok(std);
    }
    Err(serde::de::Error::custom(format!("must be three numbers above 0, got {std:?}")))
}
