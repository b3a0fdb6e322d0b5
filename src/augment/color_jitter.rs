//! Color jitter: random changes of brightness, contrast, saturation and hue (Howard 2013).

use crate::augment::operator::one;
use crate::augment::{Operator, OperatorProblem, Scratch, brightness, contrast, hue, saturation};
use crate::base::rng::{Rng, shuffle, uniform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Maximum rotation of the hue in either direction, in turns: half the circle.
const MAX_HUE: f64 = 0.5;

/// Color jitter (Howard 2013; order and clipping as in the SimCLR code).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColorJitter {
    /// Probability of being applied.
    #[serde(default = "ColorJitter::default_p")]
    #[schemars(range(min = 0, max = 1))]
    pub p: f64,
    /// Strength s, a factor on the ranges of `brightness`, `contrast`, `saturation` and `hue`. With their defaults, the
    /// ranges are 0.8 s, and 0.2 s for hue, as in the SimCLR paper.
    #[serde(default = "one")]
    #[schemars(range(min = 0))]
    pub strength: f64,
    /// Half-width of the brightness range, before scaling by `strength`.
    #[serde(default = "ColorJitter::default_range")]
    #[schemars(range(min = 0, max = 10), extend("x-scale" = 255))]
    pub brightness: f64,
    /// Half-width of the contrast range, before scaling by `strength`.
    #[serde(default = "ColorJitter::default_range")]
    #[schemars(range(min = 0))]
    pub contrast: f64,
    /// Half-width of the saturation range, before scaling by `strength`.
    #[serde(default = "ColorJitter::default_range")]
    #[schemars(range(min = 0))]
    pub saturation: f64,
    /// Half-width of the hue range in turns, before scaling by `strength`; at most 0.5 after scaling.
    #[serde(default = "ColorJitter::default_hue")]
    #[schemars(range(min = 0))]
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

impl ColorJitter {
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

impl Operator for ColorJitter {
    fn summary() -> &'static str {
        "Randomly change brightness, contrast, saturation and hue."
    }

    fn probability(&self) -> Option<f64> {
        Some(self.p)
    }

    fn needs_unit_range(&self) -> bool {
        true
    }

    fn problem(&self) -> Option<OperatorProblem> {
        if self.brightness_mode == BrightnessMode::Additive && self.brightness > 1.0 {
            let (shift, of_255) = (self.brightness, (self.brightness / 255.0 * 1e4).round() / 1e4);
            let message = format!(
                "additive brightness must be at most 1, which is white, got {shift}; on a scale of 0 to 255 that is {of_255}"
            );
            return Some(OperatorProblem { keys: &["brightness", "brightness_mode"], message });
        }
        let hue = self.hue * self.strength;
        if hue <= MAX_HUE {
            return None;
        }
        // Remove rounding error from the message: 0.2 times 3 is 0.6.
        let hue = (hue * 1e6).round() / 1e6;
        let message = format!("hue times strength must be at most {MAX_HUE}, got {hue}");
        Some(OperatorProblem { keys: &["hue", "strength"], message })
    }

    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng) {
        apply(&mut scratch.planes, &sample(self, rng), self.clip);
    }
}

/// One of the four adjustments of color jitter, with its sampled amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Adjustment {
    /// Every value is multiplied.
    Brightness(f32),
    /// Every value is shifted.
    Shift(f32),
    /// The distance from the mean luma is multiplied.
    Contrast(f32),
    /// The distance from the mean of each channel is multiplied.
    ChannelContrast(f32),
    /// The distance from the luma of each pixel is multiplied.
    Saturation(f32),
    /// The HSV saturation is multiplied.
    HsvSaturation(f32),
    /// The hue is rotated, in turns.
    Hue(f32),
}

/// Samples the four adjustments in the order in which they are applied.
///
/// Factors are uniform in `[max(0, 1 - range), 1 + range]`, shifts and turns in `[-range, range]`.
pub fn sample(config: &ColorJitter, rng: &mut Rng) -> [Adjustment; 4] {
    let range = |half_width: f64| (half_width * config.strength) as f32;
    let factor = |range: f32, rng: &mut Rng| uniform((1.0 - range).max(0.0), 1.0 + range, rng);
    let brightness = range(config.brightness);
    let first = match config.brightness_mode {
        BrightnessMode::Multiplicative => Adjustment::Brightness(factor(brightness, rng)),
        BrightnessMode::Additive => Adjustment::Shift(uniform(-brightness, brightness, rng)),
    };
    let (second, third) = (factor(range(config.contrast), rng), factor(range(config.saturation), rng));
    let (second, third) = match config.variant {
        JitterVariant::Torchvision => (Adjustment::Contrast(second), Adjustment::Saturation(third)),
        JitterVariant::Tensorflow => (Adjustment::ChannelContrast(second), Adjustment::HsvSaturation(third)),
    };
    let max_turn = range(config.hue).min(MAX_HUE as f32);
    let mut adjustments = [first, second, third, Adjustment::Hue(uniform(-max_turn, max_turn, rng))];
    if config.order == JitterOrder::Random {
        shuffle(&mut adjustments, rng);
    }
    adjustments
}

/// Applies the adjustments to `[3, side, side]` and clips to [0, 1] after each of them or at the end.
pub fn apply(planes: &mut [f32], adjustments: &[Adjustment], clip: JitterClip) {
    for &adjustment in adjustments {
        if is_identity(adjustment) {
            continue;
        }
        match adjustment {
            Adjustment::Brightness(factor) => brightness::multiply(planes, factor),
            Adjustment::Shift(shift) => brightness::add(planes, shift),
            Adjustment::Contrast(factor) => contrast::contrast(planes, factor),
            Adjustment::ChannelContrast(factor) => contrast::channel_contrast(planes, factor),
            Adjustment::Saturation(factor) => saturation::saturation(planes, factor),
            Adjustment::HsvSaturation(factor) => saturation::hsv_saturation(planes, factor),
            Adjustment::Hue(turns) => hue::hue(planes, turns),
        }
        if clip == JitterClip::Each {
            brightness::clip(planes);
        }
    }
    if clip == JitterClip::End {
        brightness::clip(planes);
    }
}

/// Whether an adjustment changes nothing, as with a range of 0.
fn is_identity(adjustment: Adjustment) -> bool {
    match adjustment {
        Adjustment::Brightness(factor)
        | Adjustment::Contrast(factor)
        | Adjustment::ChannelContrast(factor)
        | Adjustment::Saturation(factor)
        | Adjustment::HsvSaturation(factor) => factor == 1.0,
        Adjustment::Shift(amount) | Adjustment::Hue(amount) => amount == 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    fn config(toml: &str) -> ColorJitter {
        toml::from_str(toml).unwrap()
    }

    #[test]
    fn amounts_are_within_the_ranges_scaled_by_the_strength() {
        let config = config("strength = 0.5\norder = 'fixed'\nbrightness = 0.4\ncontrast = 4.0\nhue = 0.2");
        let mut rng = stream(1, "jitter", &[]);
        for _ in 0..500 {
            let [brightness, contrast, _, hue] = sample(&config, &mut rng);
            assert!(matches!(brightness, Adjustment::Brightness(factor) if (0.8..=1.2).contains(&factor)));
            assert!(matches!(contrast, Adjustment::Contrast(factor) if (0.0..=3.0).contains(&factor)));
            assert!(matches!(hue, Adjustment::Hue(turns) if (-0.1..=0.1).contains(&turns)));
        }
    }

    #[test]
    fn hue_beyond_half_the_circle_is_a_problem_of_its_keys() {
        assert_eq!(config("hue = 0.25\nstrength = 2.0").problem(), None);
        let problem = config("strength = 3.0").problem().unwrap();
        assert_eq!(problem.message, "hue times strength must be at most 0.5, got 0.6");
        assert_eq!(problem.keys, ["hue", "strength"]);
    }
}
