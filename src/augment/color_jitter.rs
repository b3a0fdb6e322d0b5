//! Color jitter: brightness, contrast, saturation and hue changed at random (Howard 2013).

use crate::augment::config::{BrightnessMode, Clip, ColorJitterConfig, JitterOrder, JitterVariant, MOST_HUE};
use crate::augment::{brightness, contrast, hue, saturation};
use crate::base::rng::{Rng, shuffle, uniform};

/// One of the four changes, with its drawn amount.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Every value is multiplied.
    Brightness(f32),
    /// Every value is shifted.
    Shift(f32),
    /// Distance from the mean luma is multiplied.
    Contrast(f32),
    /// Distance from each channel's mean is multiplied.
    ChannelContrast(f32),
    /// Distance from each pixel's luma is multiplied.
    Saturation(f32),
    /// The saturation of HSV is multiplied.
    HsvSaturation(f32),
    /// The hue is turned, in turns.
    Hue(f32),
}

/// Draws the four changes in the order in which they are applied.
///
/// Factors are uniform in `[max(0, 1 - range), 1 + range]`, shifts and turns in `[-range, range]`.
pub fn draw(config: &ColorJitterConfig, rng: &mut Rng) -> [Change; 4] {
    let range = |half_width: f64| (half_width * config.strength) as f32;
    let factor = |range: f32, rng: &mut Rng| uniform((1.0 - range).max(0.0), 1.0 + range, rng);
    let bright = range(config.brightness);
    let first = match config.brightness_mode {
        BrightnessMode::Multiplicative => Change::Brightness(factor(bright, rng)),
        BrightnessMode::Additive => Change::Shift(uniform(-bright, bright, rng)),
    };
    let (second, third) = (factor(range(config.contrast), rng), factor(range(config.saturation), rng));
    let (second, third) = match config.variant {
        JitterVariant::Torchvision => (Change::Contrast(second), Change::Saturation(third)),
        JitterVariant::Tensorflow => (Change::ChannelContrast(second), Change::HsvSaturation(third)),
    };
    let most = range(config.hue).min(MOST_HUE as f32);
    let mut changes = [first, second, third, Change::Hue(uniform(-most, most, rng))];
    if config.order == JitterOrder::Random {
        shuffle(&mut changes, rng);
    }
    changes
}

/// Applies the changes to `[3, side, side]` and clips to [0, 1] after each of them or at the end.
pub fn apply(planes: &mut [f32], changes: &[Change], clip: Clip) {
    for &change in changes {
        if is_nothing(change) {
            continue;
        }
        match change {
            Change::Brightness(factor) => brightness::multiply(planes, factor),
            Change::Shift(shift) => brightness::add(planes, shift),
            Change::Contrast(factor) => contrast::contrast(planes, factor),
            Change::ChannelContrast(factor) => contrast::channel_contrast(planes, factor),
            Change::Saturation(factor) => saturation::saturation(planes, factor),
            Change::HsvSaturation(factor) => saturation::hsv_saturation(planes, factor),
            Change::Hue(turns) => hue::hue(planes, turns),
        }
        if clip == Clip::Each {
            brightness::clip(planes);
        }
    }
    if clip == Clip::End {
        brightness::clip(planes);
    }
}

/// Changes switched off with a range of 0 cost nothing.
fn is_nothing(change: Change) -> bool {
    match change {
        Change::Brightness(factor)
        | Change::Contrast(factor)
        | Change::ChannelContrast(factor)
        | Change::Saturation(factor)
        | Change::HsvSaturation(factor) => factor == 1.0,
        Change::Shift(amount) | Change::Hue(amount) => amount == 0.0,
    }
}
