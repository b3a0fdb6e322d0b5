//! PNG files: an anti-aliased bitmap backend for plotters.
//!
//! The bitmap backend of plotters draws thick lines as aliased polygons and places letters at integer pixels; here the
//! coverage of a pixel is computed from its distance to the shape.

use crate::base::Result;
use crate::render::draw::scene::Scene;
use crate::render::draw::{font, pen};
use crate::render::pairs;
use ab_glyph::{Font, PxScale, ScaleFont, point};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontStyle,
    FontTransform,
};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// Pixels per CSS pixel: sharp on high-density screens and in print.
const DENSITY: f64 = 2.0;

/// A position in pixels.
type Pixel = (f32, f32);
/// Result of drawing on a [`Raster`]: it cannot fail.
type RasterResult = std::result::Result<(), DrawingErrorKind<Infallible>>;

/// Renders as PNG on white.
///
/// # Errors
/// plotters fails, which is a bug.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>> {
    let units_per_pixel = (pen::UNITS / DENSITY) as u32;
    let units = pen::size(scene);
    let size = (units.0 / units_per_pixel, units.1 / units_per_pixel);
    let mut pixels = vec![u8::MAX; size.0 as usize * size.1 as usize * 3];
    pen::draw(scene, Raster::new(&mut pixels, size, units_per_pixel))?;
    Ok(pairs::png(&pixels, size.0, size.1))
}

/// An RGB bitmap with subpixel coordinates.
struct Raster<'a> {
    /// RGB, row by row.
    pixels: &'a mut [u8],
    /// Width and height in pixels.
    size: (u32, u32),
    units_per_pixel: f32,
}

impl<'a> Raster<'a> {
    /// Creates a backend for 8-bit RGB pixels; drawing coordinates have `units_per_pixel` units per pixel.
    fn new(pixels: &'a mut [u8], size: (u32, u32), units_per_pixel: u32) -> Self {
        Self { pixels, size, units_per_pixel: units_per_pixel as f32 }
    }

    /// Blends a color into a pixel; pixels outside are ignored.
    fn blend(&mut self, x: i64, y: i64, color: BackendColor, coverage: f32) {
        let (width, height) = (i64::from(self.size.0), i64::from(self.size.1));
        if !(0..width).contains(&x) || !(0..height).contains(&y) {
            return;
        }
        let strength = coverage.clamp(0.0, 1.0) * color.alpha as f32;
        let at = (y * width + x) as usize * 3;
        let (red, green, blue) = color.rgb;
        for (pixel, ink) in self.pixels[at..at + 3].iter_mut().zip([red, green, blue]) {
            *pixel = (f32::from(*pixel) + strength * (f32::from(ink) - f32::from(*pixel))).round() as u8;
        }
    }

    /// Fills a shape, given by its signed distance in pixels (negative inside) within a bounding box.
    fn fill(&mut self, low: Pixel, high: Pixel, color: BackendColor, distance: impl Fn(Pixel) -> f32) {
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let columns = ((low.0 - 1.0).clamp(0.0, width) as i64)..((high.0 + 2.0).clamp(0.0, width) as i64);
        for y in ((low.1 - 1.0).clamp(0.0, height) as i64)..((high.1 + 2.0).clamp(0.0, height) as i64) {
            for x in columns.clone() {
                let coverage = 0.5 - distance((x as f32 + 0.5, y as f32 + 0.5));
                if coverage > 0.0 {
                    self.blend(x, y, color, coverage);
                }
            }
        }
    }

    /// Draws a line with round caps and joins. Coverage is accumulated first, so that translucent joins do not darken.
    fn stroke(&mut self, path: &[Pixel], color: BackendColor, width: f32) {
        let radius = width / 2.0;
        let mut covered = BTreeMap::<(i64, i64), f32>::new();
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let reach = radius + 1.0;
            let xs = clip((a.0.min(b.0) - reach, a.0.max(b.0) + reach), self.size.0);
            let ys = clip((a.1.min(b.1) - reach, a.1.max(b.1) + reach), self.size.1);
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
            self.blend(x, y, color, coverage);
        }
    }

    fn to_pixels(&self, (x, y): BackendCoord) -> Pixel {
        (x as f32 / self.units_per_pixel, y as f32 / self.units_per_pixel)
    }

    fn stroke_width(&self, style: &impl BackendStyle) -> f32 {
        style.stroke_width() as f32 / self.units_per_pixel
    }
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let units = self.units_per_pixel as u32;
        (self.size.0 * units, self.size.1 * units)
    }

    fn ensure_prepared(&mut self) -> RasterResult {
        Ok(())
    }

    fn present(&mut self) -> RasterResult {
        Ok(())
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> RasterResult {
        let (x, y) = self.to_pixels(point);
        self.blend(x.floor() as i64, y.floor() as i64, color, self.units_per_pixel.powi(-2));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> RasterResult {
        self.draw_path([from, to], style)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> RasterResult {
        let path: Vec<_> = path.into_iter().map(|point| self.to_pixels(point)).collect();
        self.stroke(&path, style.color(), self.stroke_width(style));
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> RasterResult {
        if !fill {
            let corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
            return self.draw_path(corners, style);
        }
        let (low, high) = (self.to_pixels((left, top)), self.to_pixels((right, bottom)));
        self.fill(low, high, style.color(), |(x, y)| (low.0 - x).max(x - high.0).max(low.1 - y).max(y - high.1));
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        center: BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> RasterResult {
        let (center, radius) = (self.to_pixels(center), radius as f32 / self.units_per_pixel);
        let half_stroke = if fill { 0.0 } else { self.stroke_width(style) / 2.0 };
        let reach = radius + half_stroke;
        let (low, high) = ((center.0 - reach, center.1 - reach), (center.0 + reach, center.1 + reach));
        self.fill(low, high, style.color(), |(x, y)| {
            let outside = (x - center.0).hypot(y - center.1) - radius;
            if fill { outside } else { outside.abs() - half_stroke }
        });
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> RasterResult {
        let corners: Vec<_> = corners.into_iter().map(|corner| self.to_pixels(corner)).collect();
        let extreme = |pick: fn(f32, f32) -> f32, start: f32| {
            corners.iter().fold((start, start), |(x, y), corner| (pick(x, corner.0), pick(y, corner.1)))
        };
        let (low, high) = (extreme(f32::min, f32::INFINITY), extreme(f32::max, f32::NEG_INFINITY));
        self.fill(low, high, style.color(), |position| distance_to_polygon(position, &corners));
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, position: BackendCoord) -> RasterResult {
        let (bold, turn) = (matches!(style.style(), FontStyle::Bold), style.transform());
        let em = style.size() / font::HEIGHT / f64::from(self.units_per_pixel);
        let Some(face) = font::face(bold) else { return Ok(()) };
        let scaled = face.as_scaled(PxScale::from((em * font::HEIGHT) as f32));
        let (start, baseline) = font::origin(text, em, bold, &style.anchor());
        let (mut pen, baseline) = (start as f32, baseline as f32);
        let (x0, y0) = self.to_pixels(position);
        // Rotated glyphs are rotated pixel by pixel, so their origin must be an integer pixel.
        let is_rotated = !matches!(turn, FontTransform::None);
        let origin = if is_rotated { (x0.round(), y0.round()) } else { (x0, y0) };
        let fraction = (origin.0 - origin.0.floor(), origin.1 - origin.1.floor());
        for c in text.chars() {
            let glyph = face
                .glyph_id(c)
                .with_scale_and_position(scaled.scale(), point(pen + fraction.0, (baseline + fraction.1).round()));
            if let Some(outline) = face.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|x, y, coverage| {
                    let (x, y) = turned(&turn, (x as i32 + corner.x as i32, y as i32 + corner.y as i32));
                    let (x, y) = (i64::from(x) + origin.0.floor() as i64, i64::from(y) + origin.1.floor() as i64);
                    self.blend(x, y, style.color(), coverage);
                });
            }
            pen += scaled.h_advance(face.glyph_id(c));
        }
        Ok(())
    }
}

/// Returns where a pixel is after a turn around the corner of pixel (0, 0): its middle is turned, in half pixels.
fn turned(turn: &FontTransform, (x, y): (i32, i32)) -> (i32, i32) {
    let (x, y) = turn.transform(2 * x + 1, 2 * y + 1);
    (x.div_euclid(2), y.div_euclid(2))
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

/// Returns the distance to a side of a polygon, negative inside by the even-odd rule.
fn distance_to_polygon(p: Pixel, corners: &[Pixel]) -> f32 {
    let (mut distance, mut is_inside) = (f32::INFINITY, false);
    for (&a, &b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        distance = distance.min(distance_to_segment(p, a, b));
        let is_crossed = (a.1 > p.1) != (b.1 > p.1) && p.0 < a.0 + (b.0 - a.0) * (p.1 - a.1) / (b.1 - a.1);
        is_inside ^= is_crossed;
    }
    if is_inside { -distance } else { distance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::scene::{MarkStyle, TextStyle};
    use crate::render::draw::{Dash, Ink, Marker, Stroke};

    /// Draws on white and returns the red channel and the width in pixels.
    fn drawn(side: f64, draw: impl Fn(&mut Scene)) -> (Vec<u8>, usize) {
        let mut scene = Scene::new(side, side);
        draw(&mut scene);
        let image = image::load_from_memory(&png(&scene).unwrap()).unwrap().to_rgb8();
        (image.pixels().map(|pixel| pixel.0[0]).collect(), image.width() as usize)
    }

    #[test]
    fn markers_have_the_same_area_and_antialiased_edges() {
        for at in 0..Marker::COUNT {
            let marker = Marker::nth(at);
            let style = MarkStyle { ink: Ink::Text, marker, radius: 6.0, opacity: 1.0, is_ring: false };
            let (reds, width) = drawn(20.0, |scene| scene.marks(&[(10.0, 10.0)], style));
            assert_eq!(width, 40);
            assert!(reds.iter().any(|value| (60..230).contains(value)), "{marker:?} has no half-covered pixel");
            assert_eq!((reds[20 * 40 + 20], reds[0]), (0x1F, 255), "{marker:?}");
            let area = reds.iter().filter(|value| **value < 128).count();
            assert!((250..600).contains(&area), "{marker:?} has {area} pixels");
        }
    }

    #[test]
    fn a_ring_is_empty_and_a_translucent_cross_is_even() {
        let style = MarkStyle { ink: Ink::Text, marker: Marker::Plus, radius: 8.0, opacity: 0.5, is_ring: false };
        let (reds, _) = drawn(20.0, |scene| scene.marks(&[(10.0, 10.0)], style));
        assert_eq!(reds[20 * 40 + 20], reds[20 * 40 + 30], "the bars of the cross are drawn twice where they meet");
        let ring = MarkStyle { marker: Marker::Circle, opacity: 1.0, is_ring: true, ..style };
        let (reds, _) = drawn(20.0, |scene| scene.marks(&[(10.0, 10.0)], ring));
        assert_eq!((reds[20 * 40 + 20], reds[20 * 40 + 35]), (255, 0x1F));
    }

    #[test]
    fn a_translucent_line_is_even_at_its_joins() {
        let stroke = Stroke { opacity: 0.5, ..Stroke::new(Ink::Text, 2.0) };
        let (reds, _) = drawn(20.0, |scene| scene.line(&[(2.5, 5.0), (10.0, 5.0), (17.5, 5.0)], stroke));
        assert_eq!(reds[10 * 40 + 20], reds[10 * 40 + 10]);
        assert_ne!(reds[10 * 40 + 20], 255);
    }

    #[test]
    fn drawing_outside_is_ignored() {
        let (reds, _) = drawn(4.0, |scene| {
            let stroke = Stroke::new(Ink::Text, 2.0).dashed(Dash::Dotted);
            scene.line(&[(-100.0, -100.0), (-50.0, 1e6)], stroke);
            scene.boxes(&[((-9.0, -9.0), (-5.0, -5.0))], Ink::Text, 1.0);
        });
        assert!(reds.iter().all(|&value| value == 255));
    }

    #[test]
    fn rotated_text_has_the_same_extent() {
        let style = TextStyle::new(10.0, Ink::Text);
        let extent = |(reds, width): (Vec<u8>, usize)| {
            let dark: Vec<usize> = (0..reds.len()).filter(|&index| reds[index] < 128).collect();
            let span = |of: fn(usize, usize) -> usize| {
                let indices = dark.iter().map(|&index| of(index, width));
                indices.clone().max().unwrap() - indices.min().unwrap()
            };
            (span(|index, width| index % width), span(|index, width| index / width))
        };
        let horizontal = extent(drawn(20.0, |scene| scene.text("mm", (1.0, 10.0), style)));
        let rotated = extent(drawn(20.0, |scene| scene.text("mm", (10.0, 19.0), style.rotated())));
        assert_eq!(horizontal, (rotated.1, rotated.0));
        assert_eq!(turned(&FontTransform::Rotate270, (3, 1)), (1, -4));
    }
}
