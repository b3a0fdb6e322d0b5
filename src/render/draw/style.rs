//! Colors and sizes shared by all plots. Lengths are CSS pixels.

use plotters::style::RGBColor;

/// Text and axes.
pub(crate) const INK: RGBColor = RGBColor(0x1F, 0x29, 0x33);
/// Secondary text.
pub(crate) const MUTED: RGBColor = RGBColor(0x5B, 0x66, 0x73);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xE3, 0xE7, 0xEB);
/// Background.
pub(crate) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);

/// Distinguishable with common color vision deficiencies, on white and on black: the palette of Okabe and Ito (2008)
/// with the yellow replaced and the lightest color darkened.
pub(crate) const PALETTE: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xB8, 0x55, 0x96),
    RGBColor(0xD9, 0x9A, 0x00),
    RGBColor(0x45, 0xA5, 0xDD),
    RGBColor(0x7A, 0x84, 0x90),
    RGBColor(0x8A, 0x5A, 0x2B),
];

/// Width of a figure.
pub(crate) const WIDTH: f64 = 760.0;
/// Text on axes and labels.
pub(crate) const TEXT: f64 = 13.0;
/// Headings of panels.
pub(crate) const HEADING: f64 = 14.0;
/// Numbers in cells and other small print.
pub(crate) const SMALL: f64 = 11.5;
/// Width of a curve.
pub(crate) const STROKE: f64 = 2.0;

/// Returns the color of series `at` of `of`; beyond the palette, equally spaced hues.
pub(crate) fn color(at: usize, of: usize) -> RGBColor {
    if of <= PALETTE.len() { PALETTE[at % PALETTE.len()] } else { hue(at as f64 / of as f64) }
}

/// Returns a hue of the color circle at medium lightness; `turn` is between 0 and 1.
fn hue(turn: f64) -> RGBColor {
    let channel = |shift: f64| {
        let wave = 0.5 + 0.5 * (std::f64::consts::TAU * (turn + shift)).cos();
        (40.0 + 170.0 * wave) as u8
    };
    RGBColor(channel(0.0), channel(2.0 / 3.0), channel(1.0 / 3.0))
}

/// Interpolates from white at 0 to dark blue at 1.
pub(crate) fn shade(strength: f64) -> RGBColor {
    let strength = if strength.is_finite() { strength.clamp(0.0, 1.0) } else { 0.0 };
    let mix = |from: u8, to: u8| (f64::from(from) + strength * (f64::from(to) - f64::from(from))).round() as u8;
    let (from, to) = (PAPER, RGBColor(0x00, 0x4E, 0x89));
    RGBColor(mix(from.0, to.0), mix(from.1, to.1), mix(from.2, to.2))
}
