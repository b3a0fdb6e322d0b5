//! PNG files: an anti-aliased bitmap.
//!
//! The coverage of a pixel is computed from its distance to a shape.

use crate::render::draw::font;
use crate::render::draw::ink::Rgb;
use crate::render::draw::marker::Part;
use crate::render::draw::scene::{Anchor, MarkStyle, Position, Scene, Shape, Stroke, TextStyle};
use crate::render::pairs;
use ab_glyph::{Font, PxScale, ScaleFont, point};
use std::collections::BTreeMap;

/// Pixels per CSS pixel: sharp on high-density screens and in print.
const DENSITY: f32 = 2.0;

/// A position in pixels.
type Pixel = (f32, f32);

/// Renders as PNG on white.
pub(crate) fn png(scene: &Scene) -> Vec<u8> {
    let size = [scene.size.0, scene.size.1].map(|side| (side.ceil() as f32 * DENSITY) as u32);
    let mut bitmap = Bitmap { pixels: vec![u8::MAX; size[0] as usize * size[1] as usize * 3], size };
    for shape in &scene.shapes {
        match shape {
            Shape::Line(points, stroke) => bitmap.line(points, *stroke),
            Shape::Marks(centers, style) => centers.iter().for_each(|center| bitmap.mark(*center, *style)),
            Shape::Boxes(boxes, ink, opacity) => {
                let paint = Paint { color: ink.light(), opacity: *opacity };
                boxes.iter().for_each(|(low, high)| bitmap.rectangle(*low, *high, paint));
            }
            Shape::Text(text, position, style) => bitmap.text(text, *position, *style),
            Shape::Begin(..) | Shape::End => {}
        }
    }
    pairs::png(&bitmap.pixels, size[0], size[1])
}

/// What a shape is filled with.
#[derive(Clone, Copy)]
struct Paint {
    color: Rgb,
    /// 1 hides what is below.
    opacity: f64,
}

/// An RGB bitmap.
struct Bitmap {
    /// RGB, row by row.
    pixels: Vec<u8>,
    /// Width and height in pixels.
    size: [u32; 2],
}

impl Bitmap {
    /// Blends a color into a pixel; pixels outside are ignored.
    fn blend(&mut self, x: i64, y: i64, paint: Paint, coverage: f32) {
        let [width, height] = self.size.map(i64::from);
        if !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let strength = coverage.clamp(0.0, 1.0) * paint.opacity as f32;
        let at = (y * width + x) as usize * 3;
        for (pixel, ink) in self.pixels[at..at + 3].iter_mut().zip(paint.color) {
            *pixel = (f32::from(*pixel) + strength * (f32::from(ink) - f32::from(*pixel))).round() as u8;
        }
    }

    /// Fills a shape, given by its signed distance in pixels (negative inside) within a bounding box.
    fn fill(&mut self, low: Pixel, high: Pixel, paint: Paint, distance: impl Fn(f32, f32) -> f32) {
        let [width, height] = self.size.map(|side| side as f32);
        let columns = ((low.0 - 1.0).clamp(0.0, width) as i64)..((high.0 + 2.0).clamp(0.0, width) as i64);
        for y in ((low.1 - 1.0).clamp(0.0, height) as i64)..((high.1 + 2.0).clamp(0.0, height) as i64) {
            for x in columns.clone() {
                let coverage = 0.5 - distance(x as f32 + 0.5, y as f32 + 0.5);
                if coverage > 0.0 {
                    self.blend(x, y, paint, coverage);
                }
            }
        }
    }

    fn rectangle(&mut self, low: Position, high: Position, paint: Paint) {
        let (low, high) = (to_pixels(low), to_pixels(high));
        self.fill(low, high, paint, |x, y| (low.0 - x).max(x - high.0).max(low.1 - y).max(y - high.1));
    }

    fn line(&mut self, points: &[Position], stroke: Stroke) {
        let paint = Paint { color: stroke.ink.light(), opacity: stroke.opacity };
        // A line that leaves the drawing is cut first: its dashes would have no number.
        let is_near = points.iter().all(|(x, y)| x.abs().max(y.abs()) < 1e5);
        let dashes = if is_near { stroke.dash.cut(points) } else { vec![points.to_vec()] };
        for dash in dashes {
            let path: Vec<Pixel> = dash.into_iter().map(to_pixels).collect();
            self.stroke(&path, paint, stroke.width as f32 * DENSITY);
        }
    }

    /// Draws a line with round caps and joins. Coverage is accumulated first, so that translucent joins do not darken.
    fn stroke(&mut self, path: &[Pixel], paint: Paint, width: f32) {
        let radius = width / 2.0;
        let mut covered = BTreeMap::<(i64, i64), f32>::new();
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let reach = radius + 1.0;
            let xs = clip((a.0.min(b.0) - reach, a.0.max(b.0) + reach), self.size[0]);
            let ys = clip((a.1.min(b.1) - reach, a.1.max(b.1) + reach), self.size[1]);
            for y in ys {
                for x in xs.clone() {
                    let coverage = radius + 0.5 - distance_to_segment((x as f32 + 0.5, y as f32 + 0.5), a, b);
                    if coverage > 0.0 {
                        let max = covered.entry((y, x)).or_insert(0.0);
                        *max = max.max(coverage.min(1.0).min(width));
                    }
                }
            }
        }
        for ((y, x), coverage) in covered {
            self.blend(x, y, paint, coverage);
        }
    }

    fn mark(&mut self, center: Position, style: MarkStyle) {
        let (center, radius) = (to_pixels(center), style.radius as f32 * DENSITY);
        let paint = Paint { color: style.ink.light(), opacity: style.opacity };
        let reach = 1.5 * radius + 2.0;
        let (low, high) = ((center.0 - reach, center.1 - reach), (center.0 + reach, center.1 + reach));
        let parts = style.marker.parts(f64::from(radius));
        let half_stroke = DENSITY / 2.0;
        self.fill(low, high, paint, |x, y| {
            let (x, y) = (x - center.0, y - center.1);
            match (parts.is_empty(), style.is_ring) {
                (true, true) => (x.hypot(y) - radius).abs() - half_stroke,
                (true, false) => x.hypot(y) - radius,
                _ => parts.iter().map(|part| distance_to_part((x, y), part)).fold(f32::INFINITY, f32::min),
            }
        });
    }

    fn text(&mut self, text: &str, position: Position, style: TextStyle) {
        let em = style.size * f64::from(DENSITY);
        let Some(face) = font::face(style.bold) else { return };
        let scaled = face.as_scaled(PxScale::from((em * font::HEIGHT) as f32));
        let width = font::width(text, em, style.bold) as f32;
        let mut pen = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -width / 2.0,
            Anchor::End => -width,
        };
        let baseline = (em * font::CENTER) as f32;
        let paint = Paint { color: style.ink.light(), opacity: 1.0 };
        let (x0, y0) = to_pixels(position);
        // Rotated glyphs are rotated pixel by pixel, so their origin must be an integer pixel.
        let origin = if style.rotated { (x0.round(), y0.round()) } else { (x0, y0) };
        let fraction = (origin.0 - origin.0.floor(), origin.1 - origin.1.floor());
        for c in text.chars() {
            let glyph = face
                .glyph_id(c)
                .with_scale_and_position(scaled.scale(), point(pen + fraction.0, (baseline + fraction.1).round()));
            if let Some(outline) = face.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|x, y, coverage| {
                    let (x, y) = (x as i32 + corner.x as i32, y as i32 + corner.y as i32);
                    let (x, y) = if style.rotated { (y, -1 - x) } else { (x, y) };
                    let (x, y) = (i64::from(x) + origin.0.floor() as i64, i64::from(y) + origin.1.floor() as i64);
                    self.blend(x, y, paint, coverage);
                });
            }
            pen += scaled.h_advance(face.glyph_id(c));
        }
    }
}

fn to_pixels((x, y): Position) -> Pixel {
    (x as f32 * DENSITY, y as f32 * DENSITY)
}

fn clip((low, high): (f32, f32), size: u32) -> std::ops::Range<i64> {
    (low.clamp(0.0, size as f32) as i64)..(high.ceil().clamp(0.0, size as f32) as i64)
}

fn distance_to_segment(p: Pixel, a: Pixel, b: Pixel) -> f32 {
    let (along, to) = ((b.0 - a.0, b.1 - a.1), (p.0 - a.0, p.1 - a.1));
    let length2 = along.0 * along.0 + along.1 * along.1;
    let fraction = if length2 > 0.0 { ((to.0 * along.0 + to.1 * along.1) / length2).clamp(0.0, 1.0) } else { 0.0 };
    (to.0 - fraction * along.0).hypot(to.1 - fraction * along.1)
}

/// Returns the signed distance to a convex polygon, whose corners are listed clockwise; outside of corners, less than it.
fn distance_to_part((x, y): Pixel, part: &Part) -> f32 {
    let sides = part.iter().zip(part.iter().cycle().skip(1)).map(|(a, b)| {
        let (ax, ay, dx, dy) = (a.0 as f32, a.1 as f32, (b.0 - a.0) as f32, (b.1 - a.1) as f32);
        (dy * (x - ax) - dx * (y - ay)) / dx.hypot(dy)
    });
    sides.fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::{Dash, Ink, Marker};

    const BLACK: Paint = Paint { color: [0; 3], opacity: 1.0 };

    /// Draws on white and returns the red channel.
    fn drawn(side: u32, draw: impl Fn(&mut Bitmap)) -> Vec<u8> {
        let mut bitmap = Bitmap { pixels: vec![255; (side * side * 3) as usize], size: [side, side] };
        draw(&mut bitmap);
        bitmap.pixels.chunks(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn markers_have_the_same_area_and_antialiased_edges() {
        for at in 0..Marker::COUNT {
            let marker = Marker::nth(at);
            let style = MarkStyle { ink: Ink::Text, marker, radius: 6.0, opacity: 1.0, is_ring: false };
            let reds = drawn(40, |bitmap| bitmap.mark((10.0, 10.0), style));
            assert!(reds.iter().any(|value| (60..230).contains(value)), "{marker:?} has no half-covered pixel");
            assert_eq!((reds[20 * 40 + 20], reds[0]), (0x1F, 255), "{marker:?}");
            let area = reds.iter().filter(|value| **value < 128).count();
            assert!((250..600).contains(&area), "{marker:?} has {area} pixels");
        }
    }

    #[test]
    fn a_translucent_line_is_even_at_its_joins() {
        let paint = Paint { opacity: 0.5, ..BLACK };
        let reds = drawn(40, |bitmap| bitmap.stroke(&[(5.0, 10.0), (20.0, 10.0), (35.0, 10.0)], paint, 4.0));
        assert_eq!(reds[10 * 40 + 20], reds[10 * 40 + 10]);
        assert_ne!(reds[10 * 40 + 20], 255);
    }

    #[test]
    fn drawing_outside_is_ignored() {
        let reds = drawn(4, |bitmap| {
            bitmap.line(&[(-100.0, -100.0), (-50.0, 1e6)], Stroke::new(Ink::Text, 2.0).dashed(Dash::Dotted));
            bitmap.rectangle((-9.0, -9.0), (-5.0, -5.0), BLACK);
        });
        assert!(reds.iter().all(|&value| value == 255));
    }

    #[test]
    fn rotated_text_has_the_same_extent() {
        let style = TextStyle::new(10.0, Ink::Text);
        let extent = |reds: &[u8]| {
            let dark = |index: &usize| reds[*index] < 128;
            let columns: Vec<usize> = (0..1600).filter(dark).map(|index| index % 40).collect();
            let rows: Vec<usize> = (0..1600).filter(dark).map(|index| index / 40).collect();
            let span = |indices: &[usize]| indices.iter().max().unwrap() - indices.iter().min().unwrap();
            (span(&columns), span(&rows))
        };
        let horizontal = extent(&drawn(40, |bitmap| bitmap.text("mm", (1.0, 10.0), style)));
        let rotated = extent(&drawn(40, |bitmap| bitmap.text("mm", (10.0, 19.0), style.rotated())));
        assert_eq!(horizontal, (rotated.1, rotated.0));
    }
}
