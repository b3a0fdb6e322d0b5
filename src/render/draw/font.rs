//! The embedded font, so that plots look the same on every machine.

use crate::base::text::visible;
use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters::style::{FontStyle, register_font};
use std::sync::LazyLock;

/// Name of the font for plotters and CSS.
pub(crate) const FAMILY: &str = "Simclr Sans";
/// Ascent plus descent of the font in em, set by `assets/font/build.py`; plotters measures font sizes in it.
pub(crate) const HEIGHT: f64 = 1.24;

const REGULAR: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Bold.ttf");
/// The same fonts for browsers.
pub(crate) const REGULAR_WOFF2: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Regular.woff2");
/// The bold weight for browsers.
pub(crate) const BOLD_WOFF2: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Bold.woff2");

/// The parsed fonts, regular and bold, registered with plotters on first use; `None` only if the embedded bytes are
/// invalid.
static FONTS: LazyLock<Option<[FontRef<'static>; 2]>> = LazyLock::new(|| {
    register_font(FAMILY, FontStyle::Normal, REGULAR).ok()?;
    register_font(FAMILY, FontStyle::Bold, BOLD).ok()?;
    Some([FontRef::try_from_slice(REGULAR).ok()?, FontRef::try_from_slice(BOLD).ok()?])
});

/// Returns a weight of the embedded font.
pub(crate) fn face(bold: bool) -> Option<&'static FontRef<'static>> {
    FONTS.as_ref().map(|faces| &faces[usize::from(bold)])
}

/// Returns the width of a text at a font size in pixels.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Some(face) = face(bold) else { return 0.0 };
    let scaled = face.as_scaled(PxScale::from((size * HEIGHT) as f32));
    visible(text).chars().map(|c| f64::from(scaled.h_advance(face.glyph_id(c)))).sum()
}

/// Truncates a text with an ellipsis at its end if it is wider than `room`.
pub(crate) fn fitted(text: &str, size: f64, bold: bool, room: f64) -> String {
    let text = visible(text);
    if width(&text, size, bold) <= room {
        return text.into_owned();
    }
    let mut kept = text.chars().collect::<Vec<_>>();
    while kept.pop().is_some() {
        let cut = kept.iter().collect::<String>().trim_end().to_owned() + "…";
        if width(&cut, size, bold) <= room {
            return cut;
        }
    }
    String::new()
}

/// Truncates a text with an ellipsis in its middle if it is wider than `room`, because the end of a result name is what
/// distinguishes it.
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
    fn a_long_text_is_truncated() {
        assert_eq!(fitted("short", 13.0, false, 100.0), "short");
        let cut = fitted(&"wide ".repeat(40), 13.0, false, 100.0);
        assert!(cut.ends_with('…') && width(&cut, 13.0, false) <= 100.0, "{cut}");
        assert_eq!(fitted("x", 13.0, false, 0.0), "");
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
