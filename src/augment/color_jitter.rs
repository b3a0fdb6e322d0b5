//! Color jitter: random changes of brightness, contrast, saturation and hue (Howard 2013).

use crate::augment::config::{BrightnessMode, ColorJitterConfig, JitterClip, JitterOrder, JitterVariant, MAX_HUE};
use crate::augment::{brightness, contrast, hue, saturation};
use crate::base::rng::{Rng, shuffle, uniform};

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
pub fn sample(config: &ColorJitterConfig, rng: &mut Rng) -> [Adjustment; 4] {
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

/// Whether an adjustment adjustments nothing, as with a range of 0.
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
