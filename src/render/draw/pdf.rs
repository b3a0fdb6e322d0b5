//! PDF files for papers, a backend of plotters: vectors, and text as text.

use crate::base::Result;
use crate::render::draw::pdf_font::{self, compressed};
use crate::render::draw::scene::Scene;
use crate::render::draw::{font, pen};
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
};
use std::collections::BTreeSet;
use std::io;

/// Points per backend unit: a CSS pixel is three quarters of a point.
const POINT: f32 = 0.75 / pen::UNITS as f32;
/// Distance of the control points of a quarter of a circle with radius 1.
const ARC: f32 = 0.552_284_8;
/// Names of the weights in the resources of the page.
const FONTS: [Name<'static>; 2] = [Name(b"F0"), Name(b"F1")];
/// First objects of the weights, five each.
const FONT_IDS: [i32; 2] = [6, 11];
/// First object of the opacities.
const OPACITY_ID: i32 = 16;

/// Result of drawing on a [`Page`].
type PageResult = std::result::Result<(), DrawingErrorKind<io::Error>>;

/// Renders as a PDF of one page. It has no dates, so that equal drawings give equal bytes.
///
/// # Errors
/// Compression or plotters fails, which is a bug.
pub(crate) fn pdf(scene: &Scene, title: &str) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    pen::draw(scene, Page::new(&mut file, pen::size(scene), title))?;
    Ok(file)
}

/// A page that becomes a file when it is presented.
struct Page<'a> {
    file: &'a mut Vec<u8>,
    /// Width and height in backend units.
    size: (u32, u32),
    title: &'a str,
    /// The operators that draw the shapes.
    content: Content,
    /// The opacities in percent, and the last one.
    opacities: BTreeSet<u8>,
    opacity: Option<u8>,
    /// The last color of filled shapes and of text.
    filled: Option<(u8, u8, u8)>,
    /// Characters in each weight.
    letters: [BTreeSet<char>; 2],
}

impl<'a> Page<'a> {
    fn new(file: &'a mut Vec<u8>, size: (u32, u32), title: &'a str) -> Self {
        let mut content = Content::new();
        // Down from the top, as in the backends of plotters.
        content.transform([POINT, 0.0, 0.0, -POINT, 0.0, size.1 as f32 * POINT]);
        content.set_line_cap(LineCapStyle::RoundCap).set_line_join(LineJoinStyle::RoundJoin);
        let opacities = BTreeSet::new();
        Self { file, size, title, content, opacities, opacity: None, filled: None, letters: Default::default() }
    }

    fn set_opacity(&mut self, opacity: f64) {
        let percent = (100.0 * opacity).round().clamp(0.0, 100.0) as u8;
        if self.opacity.replace(percent) != Some(percent) {
            self.opacities.insert(percent);
            self.content.set_parameters(Name(&opacity_name(percent)));
        }
    }

    fn set_fill(&mut self, color: BackendColor) {
        self.set_opacity(color.alpha);
        if self.filled.replace(color.rgb) != Some(color.rgb) {
            let [red, green, blue] = channels(color);
            self.content.set_fill_rgb(red, green, blue);
        }
    }

    fn set_stroke(&mut self, style: &impl BackendStyle) {
        let [red, green, blue] = channels(style.color());
        self.set_opacity(style.color().alpha);
        self.content.set_stroke_rgb(red, green, blue).set_line_width(style.stroke_width() as f32);
    }

    fn path(&mut self, points: impl IntoIterator<Item = BackendCoord>) {
        for (at, (x, y)) in points.into_iter().enumerate() {
            let (x, y) = (x as f32, y as f32);
            if at == 0 {
                self.content.move_to(x, y)
            } else {
                self.content.line_to(x, y)
            };
        }
    }

    fn circle(&mut self, (x, y): BackendCoord, radius: f32) {
        let at = |dx: f32, dy: f32| (x as f32 + radius * dx, y as f32 + radius * dy);
        let (x, y) = at(1.0, 0.0);
        self.content.move_to(x, y);
        // Ends of the quarters, clockwise, each in the direction in which the one before is left.
        for ((ax, ay), (bx, by)) in
            [((1.0, 0.0), (0.0, 1.0)), ((0.0, 1.0), (-1.0, 0.0)), ((-1.0, 0.0), (0.0, -1.0)), ((0.0, -1.0), (1.0, 0.0))]
        {
            let (first, second) = (at(ax + ARC * bx, ay + ARC * by), at(bx + ARC * ax, by + ARC * ay));
            let end = at(bx, by);
            self.content.cubic_to(first.0, first.1, second.0, second.1, end.0, end.1);
        }
        self.content.close_path();
    }

    /// Returns the bytes of the file.
    fn finish(&mut self) -> io::Result<Vec<u8>> {
        let [catalog, pages, page_id, contents, info] = [1, 2, 3, 4, 5].map(Ref::new);
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(pages).lang(TextStr("en"));
        pdf.pages(pages).kids([page_id]).count(1);
        pdf.document_info(info).title(TextStr(self.title)).creator(TextStr("simclr"));

        let mut page = pdf.page(page_id);
        let (width, height) = (self.size.0 as f32 * POINT, self.size.1 as f32 * POINT);
        page.parent(pages).media_box(Rect::new(0.0, 0.0, width, height)).contents(contents);
        let mut resources = page.resources();
        let mut fonts = resources.fonts();
        for at in self.weights() {
            fonts.pair(FONTS[at], Ref::new(FONT_IDS[at]));
        }
        fonts.finish();
        let mut states = resources.ext_g_states();
        for (id, percent) in self.opacity_ids() {
            states.pair(Name(&opacity_name(percent)), id);
        }
        states.finish();
        resources.finish();
        page.finish();

        for (id, percent) in self.opacity_ids() {
            let alpha = f32::from(percent) / 100.0;
            pdf.ext_graphics(id).stroking_alpha(alpha).non_stroking_alpha(alpha);
        }
        let content = std::mem::replace(&mut self.content, Content::new());
        pdf.stream(contents, &compressed(&content.finish())?).filter(Filter::FlateDecode);
        for at in self.weights() {
            pdf_font::write(&mut pdf, Ref::new(FONT_IDS[at]), at == 1, self.letters[at].iter().copied());
        }
        Ok(pdf.finish())
    }

    /// Returns the weights that have text.
    fn weights(&self) -> impl Iterator<Item = usize> {
        let is_used = [0, 1].map(|at| !self.letters[at].is_empty());
        [0, 1].into_iter().filter(move |&at| is_used[at])
    }

    fn opacity_ids(&self) -> impl Iterator<Item = (Ref, u8)> {
        self.opacities.iter().zip(OPACITY_ID..).map(|(&percent, id)| (Ref::new(id), percent))
    }
}

impl DrawingBackend for Page<'_> {
    type ErrorType = io::Error;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> PageResult {
        Ok(())
    }

    fn present(&mut self) -> PageResult {
        *self.file = self.finish().map_err(DrawingErrorKind::DrawingError)?;
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> PageResult {
        self.draw_rect((x, y), (x + 1, y + 1), &color, true)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> PageResult {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> PageResult {
        let (width, height) = (right as f32 - left as f32, bottom as f32 - top as f32);
        if fill {
            self.set_fill(style.color());
            self.content.rect(left as f32, top as f32, width, height).fill_nonzero();
        } else {
            self.set_stroke(style);
            self.content.rect(left as f32, top as f32, width, height).stroke();
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> PageResult {
        self.set_stroke(style);
        self.path(path);
        self.content.stroke();
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, fill: bool) -> PageResult {
        if fill {
            self.set_fill(style.color());
            self.circle(center, radius as f32);
            self.content.fill_nonzero();
        } else {
            self.set_stroke(style);
            self.circle(center, radius as f32);
            self.content.stroke();
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> PageResult {
        self.set_fill(style.color());
        self.path(corners);
        self.content.close_path().fill_even_odd();
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> PageResult {
        let (bold, em) = (matches!(style.style(), FontStyle::Bold), style.size() / font::HEIGHT);
        let (start, baseline) = font::origin(text, em, bold, &style.anchor());
        // Directions along and up a text: the page is upside down, letters are not.
        let [along, up] = [(1, 0), (0, -1)].map(|(x, y)| style.transform().transform(x, y));
        let from =
            |x: i32, along: i32, up: i32| (f64::from(x) + start * f64::from(along) - baseline * f64::from(up)) as f32;
        let [a, b, c, d] = [along.0, along.1, up.0, up.1].map(|direction| direction as f32);
        let matrix = [a, b, c, d, from(x, along.0, up.0), from(y, along.1, up.1)];
        self.set_fill(style.color());
        self.letters[usize::from(bold)].extend(text.chars());
        self.content.begin_text().set_font(FONTS[usize::from(bold)], em as f32).set_text_matrix(matrix);
        self.content.show(Str(&pdf_font::codes(text, bold))).end_text();
        Ok(())
    }
}

fn opacity_name(percent: u8) -> Vec<u8> {
    format!("G{percent}").into_bytes()
}

fn channels(color: BackendColor) -> [f32; 3] {
    let (red, green, blue) = color.rgb;
    [red, green, blue].map(|channel| f32::from(channel) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::{Dash, Ink, MarkStyle, Marker, Stroke, TextStyle};

    fn drawn() -> Scene {
        let mut scene = Scene::new(200.0, 80.0);
        scene.line(&[(10.0, 10.0), (90.0, 50.0)], Stroke::new(Ink::Text, 2.0).dashed(Dash::Alternating));
        let mark = |marker| MarkStyle { ink: Ink::Class(1), marker, radius: 3.0, opacity: 0.8, is_ring: false };
        scene.marks(&[(30.0, 30.0)], mark(Marker::Circle));
        scene.marks(&[(50.0, 30.0)], MarkStyle { is_ring: true, ..mark(Marker::Circle) });
        scene.marks(&[(40.0, 30.0)], mark(Marker::Cross));
        scene.boxes(&[((60.0, 20.0), (70.0, 30.0))], Ink::Cell(7), 1.0);
        scene.text("Accuracy −2.9 %", (100.0, 30.0), TextStyle::new(13.0, Ink::Text));
        scene.text("bold 猫", (100.0, 60.0), TextStyle::new(13.0, Ink::Text).bold().centered());
        scene
    }

    #[test]
    fn the_cross_references_point_at_the_objects() {
        let bytes = pdf(&drawn(), "A title (with parentheses) ü").unwrap();
        assert_eq!(bytes, pdf(&drawn(), "A title (with parentheses) ü").unwrap());
        assert!(bytes.starts_with(b"%PDF-1.7") && bytes.trim_ascii_end().ends_with(b"%%EOF"));
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("/CreationDate") && !text.contains("/ID"), "the bytes depend on the time");
        let find = |needle: &[u8]| bytes.windows(needle.len()).rposition(|window| window == needle).unwrap();
        let tail = std::str::from_utf8(&bytes[find(b"startxref")..]).unwrap();
        let start: usize = tail.lines().nth(1).unwrap().parse().unwrap();
        assert!(bytes[start..].starts_with(b"xref\n0 "));
        let table = std::str::from_utf8(&bytes[start..find(b"trailer")]).unwrap();
        let entries: Vec<&str> = table.lines().skip(2).collect();
        let mut used = 0;
        for (id, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.trim_end().ends_with('n')) {
            let at: usize = entry[..10].parse().unwrap();
            assert!(bytes[at..].starts_with(format!("{id} 0 obj").as_bytes()), "{id}: {entry}");
            used += 1;
        }
        assert!(used >= 16, "only {used} objects");
    }

    #[test]
    fn text_can_be_read_where_a_reader_is_installed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("drawn.pdf");
        std::fs::write(&path, pdf(&drawn(), "A title").unwrap()).unwrap();
        let Ok(output) = std::process::Command::new("pdftotext").arg(&path).arg("-").output() else { return };
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Accuracy −2.9 %") && text.contains("bold \u{fffd}"), "{text}");
    }
}
