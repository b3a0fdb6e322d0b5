//! The embedded font in a PDF: text stays text, which readers can select and search.

use crate::render::draw::font;
use ab_glyph::Font;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap};
use pdf_writer::{Filter, Name, Pdf, Rect, Ref, Str};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::LazyLock;

const ENCODING: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };
/// Units of a glyph space.
const UNITS: f32 = 1000.0;
/// What text without a glyph is copied as.
const MISSING: char = '\u{fffd}';

/// The compressed files of both weights.
static FILES: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| [false, true].map(|bold| compressed(font::file(bold)).unwrap_or_default()));

/// Returns the codes of a text in the font, two bytes per glyph.
pub(super) fn codes(text: &str, bold: bool) -> Vec<u8> {
    let Some(face) = font::face(bold) else { return Vec::new() };
    text.chars().flat_map(|c| face.glyph_id(c).0.to_be_bytes()).collect()
}

/// Writes the objects of a weight, which begin at `first` (five of them).
pub(super) fn write(pdf: &mut Pdf, first: Ref, bold: bool, text: impl Iterator<Item = char>) {
    let Some(face) = font::face(bold) else { return };
    let [font, cid, descriptor, cmap, file] = [0, 1, 2, 3, 4].map(|at| Ref::new(first.get() + at));
    let name = Name(if bold { b"SimclrSans-Bold" } else { b"SimclrSans-Regular" });
    let scale = UNITS / face.units_per_em().unwrap_or(UNITS);
    let mut glyphs: BTreeMap<u16, char> = BTreeMap::new();
    for c in text {
        let glyph = face.glyph_id(c).0;
        glyphs.entry(glyph).or_insert(if glyph == 0 { MISSING } else { c });
    }

    pdf.type0_font(font).base_font(name).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(cmap);
    let mut cid_font = pdf.cid_font(cid);
    cid_font.subtype(CidFontType::Type2).base_font(name).system_info(ENCODING).font_descriptor(descriptor);
    cid_font.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid_font.widths();
    for &glyph in glyphs.keys() {
        widths.consecutive(glyph, [scale * face.h_advance_unscaled(ab_glyph::GlyphId(glyph))]);
    }
    drop(widths);
    drop(cid_font);

    let (ascent, descent) = (scale * face.ascent_unscaled(), scale * face.descent_unscaled());
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::NON_SYMBOLIC)
        .bbox(Rect::new(0.0, descent, UNITS, ascent))
        .italic_angle(0.0)
        .ascent(ascent)
        .descent(descent)
        .cap_height(660.0)
        .stem_v(if bold { 140.0 } else { 80.0 })
        .font_file2(file);

    let mut map = UnicodeCmap::new(Name(b"Custom"), ENCODING);
    glyphs.iter().for_each(|(&glyph, &c)| map.pair(glyph, c));
    let map = map.finish();
    pdf.cmap(cmap, &map);

    let length = font::file(bold).len();
    let mut stream = pdf.stream(file, &FILES[usize::from(bold)]);
    stream.filter(Filter::FlateDecode);
    stream.pair(Name(b"Length1"), i32::try_from(length).unwrap_or(0));
}

/// Compresses the data of a stream.
///
/// # Errors
/// Memory cannot be written, which does not happen.
pub(super) fn compressed(data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data)?;
    encoder.finish()
}
