//! Colors by hue, saturation and luma, so that two colors can have exactly the same luma.

use crate::imaging::CHANNELS;

/// Weights of red, green and blue in luma (ITU-R BT.601), the same as in the grayscale operator.
pub(super) const LUMA: [f32; CHANNELS] = [0.299, 0.587, 0.114];

/// Converts a hue in turns (0 red, 1/3 green, 2/3 blue), a saturation from 0 (gray) to 1 (the most saturated color of
/// that hue and luma) and a luma from 0 to 1 to RGB from 0 to 1.
pub(super) fn color(hue: f32, saturation: f32, luma: f32) -> [f32; CHANNELS] {
    let pure = pure(hue);
    let bright = self::luma(pure);
    let saturated = match luma < bright {
        true => pure.map(|value| value * luma / bright),
        false => pure.map(|value| value + (1.0 - value) * (luma - bright) / (1.0 - bright)),
    };
    saturated.map(|value| luma + saturation * (value - luma))
}

/// Returns the luma of an RGB color.
pub(super) fn luma(rgb: [f32; CHANNELS]) -> f32 {
    rgb.iter().zip(LUMA).map(|(value, weight)| value * weight).sum()
}

/// Returns the color of a hue at full saturation and value.
fn pure(hue: f32) -> [f32; CHANNELS] {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|peak| {
        let offset = (hue - peak + 0.5).rem_euclid(1.0) - 0.5;
        (2.0 - 6.0 * offset.abs()).clamp(0.0, 1.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pure_hues_are_the_primary_and_secondary_colors() {
        let close = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close(pure(0.0), [1.0, 0.0, 0.0]));
        assert!(close(pure(1.0 / 6.0), [1.0, 1.0, 0.0]));
        assert!(close(pure(0.5), [0.0, 1.0, 1.0]));
        assert!(close(pure(-1.0 / 6.0), [1.0, 0.0, 1.0]));
    }

    #[test]
    fn colors_have_the_requested_luma_and_stay_in_range() {
        for step in 0..1000 {
            let [hue, saturation, requested] = [step % 10, step / 10 % 10, step / 100].map(|digit| digit as f32 / 9.0);
            let rgb = color(hue, saturation, requested);
            assert!((luma(rgb) - requested).abs() < 1e-5, "{rgb:?}: {requested}");
            assert!(rgb.iter().all(|value| (-1e-5..=1.0 + 1e-5).contains(value)), "{rgb:?}");
        }
    }
}
