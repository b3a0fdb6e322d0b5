//! PDF files for papers: vectors, and text as text.

use crate::base::{Error, Result};
use crate::render::draw::font;
use crate::render::draw::ink::Rgb;
use crate::render::draw::marker::Marker;
use crate::render::draw::pdf_font::{self, compressed};
use crate::render::draw::scene::{Anchor, MarkStyle, Position, Scene, Shape, Stroke, TextStyle};
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

/// Points per CSS pixel.
const POINT: f32 = 0.75;
/// Distance of the control points of a quarter of a circle with radius 1.
const ARC: f64 = 0.552_284_75;
/// Names of the weights in the resources of the page.
const FONTS: [Name<'static>; 2] = [Name(b"F0"), Name(b"F1")];

/// Renders as a PDF of one page. It has no dates, so that equal drawings give equal bytes.
///
/// # Errors
/// Compression fails, which is a bug.
pub(crate) fn pdf(scene: &Scene, title: &str) -> Result<Vec<u8>> {
    write(scene, title).map_err(|error| Error::bug(format!("cannot write the PDF of a plot: {error}")))
}

fn write(scene: &Scene, title: &str) -> std::io::Result<Vec<u8>> {
    let [catalog, pages, page_id, contents, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let fonts = [6, 11].map(Ref::new);
    let opacities = opacities(scene);
    let state = |at: usize| Ref::new(16 + at as i32);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages).lang(TextStr("en"));
    pdf.pages(pages).kids([page_id]).count(1);
    pdf.document_info(info).title(TextStr(title)).creator(TextStr("simclr"));

    let (width, height) = (scene.size.0.ceil() as f32 * POINT, scene.size.1.ceil() as f32 * POINT);
    let mut page = pdf.page(page_id);
    page.parent(pages).media_box(Rect::new(0.0, 0.0, width, height)).contents(contents);
    let mut resources = page.resources();
    let mut dictionary = resources.fonts();
    [false, true].into_iter().filter(|bold| is_used(scene, *bold)).for_each(|bold| {
        dictionary.pair(FONTS[usize::from(bold)], fonts[usize::from(bold)]);
    });
    dictionary.finish();
    let mut states = resources.ext_g_states();
    for (at, &percent) in opacities.iter().enumerate() {
        states.pair(Name(format!("G{percent}").as_bytes()), state(at));
    }
    states.finish();
    resources.finish();
    page.finish();

    for (at, &percent) in opacities.iter().enumerate() {
        let alpha = f32::from(percent) / 100.0;
        pdf.ext_graphics(state(at)).stroking_alpha(alpha).non_stroking_alpha(alpha);
    }
    let data = compressed(&content(scene, height))?;
    pdf.stream(contents, &data).filter(Filter::FlateDecode);
    for bold in [false, true].into_iter().filter(|bold| is_used(scene, *bold)) {
        let text = texts(scene, bold).flat_map(str::chars);
        pdf_font::write(&mut pdf, fonts[usize::from(bold)], bold, text);
    }
    Ok(pdf.finish())
}

fn texts(scene: &Scene, bold: bool) -> impl Iterator<Item = &str> {
    scene.shapes.iter().filter_map(move |shape| match shape {
        Shape::Text(text, _, style) if style.bold == bold => Some(text.as_str()),
        _ => None,
    })
}

fn is_used(scene: &Scene, bold: bool) -> bool {
    texts(scene, bold).next().is_some()
}

/// Returns the opacities of a drawing in percent.
fn opacities(scene: &Scene) -> Vec<u8> {
    let mut opacities: Vec<u8> = scene.shapes.iter().filter_map(|shape| opacity(shape).map(percent)).collect();
    opacities.sort_unstable();
    opacities.dedup();
    opacities
}

fn opacity(shape: &Shape) -> Option<f64> {
    match shape {
        Shape::Line(_, stroke) => Some(stroke.opacity),
        Shape::Marks(_, style) => Some(style.opacity),
        Shape::Boxes(.., opacity) => Some(*opacity),
        Shape::Text(..) => Some(1.0),
        Shape::Begin(..) | Shape::End => None,
    }
}

fn percent(opacity: f64) -> u8 {
    (100.0 * opacity).round().clamp(0.0, 100.0) as u8
}

/// Returns the operators that draw the shapes.
fn content(scene: &Scene, height: f32) -> Vec<u8> {
    let mut content = Content::new();
    content.transform([POINT, 0.0, 0.0, -POINT, 0.0, height]);
    content.set_line_cap(LineCapStyle::RoundCap).set_line_join(LineJoinStyle::RoundJoin);
    let mut current = None;
    for shape in &scene.shapes {
        let wanted = opacity(shape).map(percent);
        if let Some(wanted) = wanted.filter(|_| wanted != current) {
            content.set_parameters(Name(format!("G{wanted}").as_bytes()));
            current = Some(wanted);
        }
        match shape {
            Shape::Line(points, stroke) => line(&mut content, points, *stroke),
            Shape::Marks(centers, style) => marks(&mut content, centers, *style),
            Shape::Boxes(boxes, ink, _) => {
                fill_color(&mut content, ink.light());
                for ((left, top), (right, bottom)) in boxes {
                    content.rect(*left as f32, *top as f32, (right - left) as f32, (bottom - top) as f32);
                }
                content.fill_nonzero();
            }
            Shape::Text(text, position, style) => write_text(&mut content, text, *position, *style),
            Shape::Begin(..) | Shape::End => {}
        }
    }
    content.finish().to_vec()
}

fn channels(color: Rgb) -> [f32; 3] {
    color.map(|channel| f32::from(channel) / 255.0)
}

fn fill_color(content: &mut Content, color: Rgb) {
    let [red, green, blue] = channels(color);
    content.set_fill_rgb(red, green, blue);
}

fn stroke_color(content: &mut Content, color: Rgb) {
    let [red, green, blue] = channels(color);
    content.set_stroke_rgb(red, green, blue);
}

fn line(content: &mut Content, points: &[Position], stroke: Stroke) {
    stroke_color(content, stroke.ink.light());
    content.set_line_width(stroke.width as f32);
    content.set_dash_pattern(stroke.dash.pattern().iter().map(|length| *length as f32), 0.0);
    for (at, (x, y)) in points.iter().enumerate() {
        let (x, y) = (*x as f32, *y as f32);
        if at == 0 {
            content.move_to(x, y)
        } else {
            content.line_to(x, y)
        };
    }
    content.stroke();
}

fn marks(content: &mut Content, centers: &[Position], style: MarkStyle) {
    fill_color(content, style.ink.light());
    let parts = style.marker.parts(style.radius);
    for &(x, y) in centers {
        if style.marker == Marker::Circle {
            circle(content, (x, y), style.radius);
        }
        for part in &parts {
            for (at, (dx, dy)) in part.iter().enumerate() {
                let (x, y) = ((x + dx) as f32, (y + dy) as f32);
                if at == 0 {
                    content.move_to(x, y)
                } else {
                    content.line_to(x, y)
                };
            }
            content.close_path();
        }
    }
    if style.is_ring {
        stroke_color(content, style.ink.light());
        content.set_line_width(1.0).set_dash_pattern([], 0.0).stroke();
    } else {
        content.fill_nonzero();
    }
}

fn circle(content: &mut Content, (x, y): Position, radius: f64) {
    // Ends of the quarters, clockwise, and the directions in which they are left.
    let quarters =
        [((1.0, 0.0), (0.0, 1.0)), ((0.0, 1.0), (-1.0, 0.0)), ((-1.0, 0.0), (0.0, -1.0)), ((0.0, -1.0), (1.0, 0.0))];
    let at = |(dx, dy): Position| ((x + radius * dx) as f32, (y + radius * dy) as f32);
    content.move_to((x + radius) as f32, y as f32);
    for (quarter, ((ax, ay), (adx, ady))) in quarters.into_iter().enumerate() {
        let ((bx, by), (bdx, bdy)) = quarters[(quarter + 1) % 4];
        let (first, second) = (at((ax + ARC * adx, ay + ARC * ady)), at((bx - ARC * bdx, by - ARC * bdy)));
        let end = at((bx, by));
        content.cubic_to(first.0, first.1, second.0, second.1, end.0, end.1);
    }
    content.close_path();
}

fn write_text(content: &mut Content, text: &str, (x, y): Position, style: TextStyle) {
    let width = font::width(text, style.size, style.bold);
    let start = match style.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let shift = font::CENTER * style.size;
    // The page is upside down, letters are not.
    let matrix = if style.rotated {
        [0.0, -1.0, -1.0, 0.0, (x + shift) as f32, (y - start) as f32]
    } else {
        [1.0, 0.0, 0.0, -1.0, (x + start) as f32, (y + shift) as f32]
    };
    fill_color(content, style.ink.light());
    content.begin_text().set_font(FONTS[usize::from(style.bold)], style.size as f32).set_text_matrix(matrix);
    content.show(Str(&pdf_font::codes(text, style.bold))).end_text();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::{Dash, Ink};

    fn drawn() -> Scene {
        let mut scene = Scene::new(200.0, 80.0);
        scene.line(&[(10.0, 10.0), (90.0, 50.0)], Stroke::new(Ink::Text, 2.0).dashed(Dash::DashDot));
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
