//! The built-in font: a plot looks the same on a machine without fonts.

use crate::base::text::visible;
use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters::style::{FontStyle, register_font};
use std::sync::LazyLock;

/// Name that plotters and the style sheet know the font by.
pub(crate) const FAMILY: &str = "Simclr Sans";
/// Ascent plus descent of the font, in em: set so in `assets/font/build.py`, because plotters counts sizes in it.
pub(crate) const HEIGHT: f64 = 1.24;

const REGULAR: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Bold.ttf");
/// The same fonts for browsers.
pub(crate) const REGULAR_WOFF2: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Regular.woff2");
/// The bold weight for browsers.
pub(crate) const BOLD_WOFF2: &[u8] = include_bytes!("../../../assets/font/SimclrSans-Bold.woff2");

/// The parsed fonts, regular and bold, known to plotters from then on; none only if the built-in bytes are broken.
static FONTS: LazyLock<Option<[FontRef<'static>; 2]>> = LazyLock::new(|| {
    register_font(FAMILY, FontStyle::Normal, REGULAR).ok()?;
    register_font(FAMILY, FontStyle::Bold, BOLD).ok()?;
    Some([FontRef::try_from_slice(REGULAR).ok()?, FontRef::try_from_slice(BOLD).ok()?])
});

/// A weight of the built-in font.
pub(crate) fn face(bold: bool) -> Option<&'static FontRef<'static>> {
    FONTS.as_ref().map(|faces| &faces[usize::from(bold)])
}

/// Width of a text, as it is drawn, at a size in pixels an em.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Some(face) = face(bold) else { return 0.0 };
    let scaled = face.as_scaled(PxScale::from((size * HEIGHT) as f32));
    visible(text).chars().map(|c| f64::from(scaled.h_advance(face.glyph_id(c)))).sum()
}

/// The text, cut with an ellipsis where it would be wider than `room`.
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

/// The text, with an ellipsis for its middle where it would be wider than `room`: names of results begin with what they
/// are and end with what tells them apart.
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
    fn the_built_in_font_has_the_height_that_plotters_counts_in() {
        for bold in [false, true] {
            let face = face(bold).unwrap();
            let height = (face.ascent_unscaled() - face.descent_unscaled()) / face.units_per_em().unwrap();
            assert!((f64::from(height) - HEIGHT).abs() < 1e-6, "{height}");
        }
    }

    #[test]
    fn a_long_text_is_cut_to_its_room() {
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
