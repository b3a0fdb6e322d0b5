//! The embedded font, so that plots look the same on every machine.

use crate::base::text::visible;
use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::sync::LazyLock;

/// Name of the font for plotters and CSS.
pub(crate) const FAMILY: &str = "Simclr Sans";
/// Ascent plus descent of the font in em, set by `assets/font/build.py`; ab_glyph and plotters measure font sizes in it.
pub(crate) const HEIGHT: f64 = 1.24;
/// Distance from the middle of lowercase letters down to the baseline in em: half the x-height.
pub(crate) const CENTER: f64 = 0.243;

const REGULAR: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Bold.ttf");
/// The same fonts for browsers.
pub(crate) const REGULAR_WOFF2: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Regular.woff2");
/// The bold weight for browsers.
pub(crate) const BOLD_WOFF2: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Bold.woff2");

/// The parsed fonts, regular and bold; `None` only if the embedded bytes are invalid.
static FONTS: LazyLock<Option<[FontRef<'static>; 2]>> =
    LazyLock::new(|| Some([FontRef::try_from_slice(REGULAR).ok()?, FontRef::try_from_slice(BOLD).ok()?]));

/// Returns a weight of the embedded font.
pub(crate) fn face(bold: bool) -> Option<&'static FontRef<'static>> {
    FONTS.as_ref().map(|faces| &faces[usize::from(bold)])
}

/// Returns the file of a weight.
pub(crate) fn file(bold: bool) -> &'static [u8] {
    if bold { BOLD } else { REGULAR }
}

/// Returns the width of a text at a font size in pixels.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Some(face) = face(bold) else { return 0.0 };
    let scaled = face.as_scaled(PxScale::from((size * HEIGHT) as f32));
    visible(text).chars().map(|c| f64::from(scaled.h_advance(face.glyph_id(c)))).sum()
}

/// Returns where a text begins: how far along it from its anchor, and how far below the anchor its baseline is, as in
/// the SVG backend of plotters.
pub(crate) fn origin(text: &str, size: f64, bold: bool, anchor: &Pos) -> (f64, f64) {
    let along = match anchor.h_pos {
        HPos::Left => 0.0,
        HPos::Center => -width(text, size, bold) / 2.0,
        HPos::Right => -width(text, size, bold),
    };
    let down = match anchor.v_pos {
        VPos::Top => 0.76,
        VPos::Center => CENTER,
        VPos::Bottom => -CENTER,
    };
    (along, down * size)
}

/// Returns the width of the widest line.
pub(crate) fn widest<'a>(lines: impl IntoIterator<Item = &'a String>, size: f64, bold: bool) -> f64 {
    lines.into_iter().map(|line| width(line, size, bold)).fold(0.0, f64::max)
}

/// Breaks a text into lines no wider than `room`, between words where possible; no character is lost. The result is
/// empty for an empty text.
pub(crate) fn wrapped(text: &str, size: f64, bold: bool, room: f64) -> Vec<String> {
    // A number stays with its percent sign.
    let text = visible(text).replace(" %", "\u{a0}%");
    let fits = |line: &str| width(line, size, bold) <= room;
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) {
            line = longer;
            continue;
        }
        lines.extend(Some(std::mem::take(&mut line)).filter(|line| !line.is_empty()));
        for c in word.chars() {
            line.push(c);
            if !fits(&line) && line.chars().count() > 1 {
                line.pop();
                lines.push(std::mem::replace(&mut line, c.to_string()));
            }
        }
    }
    lines.extend(Some(line).filter(|line| !line.is_empty()));
    lines.iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

/// Shortens a text with an ellipsis in its middle if it is wider than `room`, for names that are elsewhere in full.
pub(crate) fn fitted_around(text: &str, size: f64, bold: bool, room: f64) -> String {
    let text = visible(text);
    if width(&text, size, bold) <= room {
        return text.into_owned();
    }
    let all: Vec<char> = text.chars().collect();
    let cut = |kept: usize| {
        let (start, end) = (kept / 2, all.len() - kept.div_ceil(2));
        let part = |chars: &[char]| chars.iter().collect::<String>();
        format!("{}…{}", part(&all[..start]).trim_end(), part(&all[end..]).trim_start())
    };
    (1..all.len()).rev().map(cut).find(|cut| width(cut, size, bold) <= room).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_font_has_the_expected_height() {
        for bold in [false, true] {
            let face = face(bold).unwrap();
            let height = (face.ascent_unscaled() - face.descent_unscaled()) / face.units_per_em().unwrap();
            assert!((f64::from(height) - HEIGHT).abs() < 1e-6, "{height}");
        }
    }

    #[test]
    fn a_long_text_is_broken_between_words_and_never_cut() {
        assert_eq!(wrapped("short", 13.0, false, 100.0), ["short"]);
        assert!(wrapped("", 13.0, false, 100.0).is_empty());
        for text in ["wide words in a row, comma ".repeat(9).trim_end(), &"x".repeat(200), "a \u{1b}\u{202e}b"] {
            let lines = wrapped(text, 13.0, false, 100.0);
            assert!(lines.iter().all(|line| width(line, 13.0, false) <= 100.0), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), visible(text).replace(' ', ""));
        }
        assert_eq!(wrapped("xy", 13.0, false, 0.0), ["x", "y"]);
        let lines = wrapped("evaluation 1.1 % of labels", 13.0, false, width("evaluation 1.1", 13.0, false));
        assert_eq!(lines, ["evaluation", "1.1 % of", "labels"]);
    }

    #[test]
    fn a_name_keeps_both_of_its_ends() {
        assert_eq!(fitted_around("short", 13.0, false, 100.0), "short");
        let cut = fitted_around(&format!("Linear {} bf16", "wide ".repeat(40)), 13.0, false, 150.0);
        assert!(cut.starts_with("Linear") && cut.ends_with("bf16") && cut.contains('…'), "{cut}");
        assert!(width(&cut, 13.0, false) <= 150.0, "{cut}");
        assert_eq!(fitted_around("x", 13.0, false, 0.0), "");
    }
}
