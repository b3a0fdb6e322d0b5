//! An anti-aliased bitmap backend for plotters.
//!
//! The bitmap backend of plotters draws thick lines as aliased polygons and places letters at integer pixels; here the
//! coverage of a pixel is computed from its distance to the shape.

use crate::render::draw::font;
use ab_glyph::{Font, PxScale, ScaleFont, point};
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{FontStyle, FontTransform};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use std::convert::Infallible;

/// Result of drawing on a [`Raster`]: it cannot fail.
type RasterResult = Result<(), DrawingErrorKind<Infallible>>;

/// An RGB bitmap with subpixel coordinates.
pub(crate) struct Raster<'a> {
    /// RGB, row by row.
    pixels: &'a mut [u8],
    /// Width and height in pixels.
    size: (u32, u32),
    units_per_pixel: f32,
}

impl<'a> Raster<'a> {
    /// Creates a backend for 8-bit RGB pixels; drawing coordinates have `units_per_pixel` units per pixel.
    pub(crate) fn new(pixels: &'a mut [u8], size: (u32, u32), units_per_pixel: u32) -> Self {
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
    fn fill(&mut self, low: (f32, f32), high: (f32, f32), color: BackendColor, distance: impl Fn(f32, f32) -> f32) {
        let (width, height) = (self.size.0 as f32, self.size.1 as f32);
        let columns = ((low.0 - 1.0).clamp(0.0, width) as i64)..((high.0 + 2.0).clamp(0.0, width) as i64);
        for y in ((low.1 - 1.0).clamp(0.0, height) as i64)..((high.1 + 2.0).clamp(0.0, height) as i64) {
            for x in columns.clone() {
                let coverage = 0.5 - distance(x as f32 + 0.5, y as f32 + 0.5);
                if coverage > 0.0 {
                    self.blend(x, y, color, coverage);
                }
            }
        }
    }

    fn to_pixels(&self, (x, y): BackendCoord) -> (f32, f32) {
        (x as f32 / self.units_per_pixel, y as f32 / self.units_per_pixel)
    }

    /// Draws a line with round caps and joins. Coverage is accumulated first, so that translucent joins do not darken.
    fn stroke(&mut self, path: &[(f32, f32)], color: BackendColor, width: f32) {
        let radius = width / 2.0;
        let mut covered = std::collections::BTreeMap::<(i64, i64), f32>::new();
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let reach = radius + 1.0;
            let xs = (a.0.min(b.0) - reach, a.0.max(b.0) + reach);
            let ys = (a.1.min(b.1) - reach, a.1.max(b.1) + reach);
            let (xs, ys) = (clip(xs, self.size.0), clip(ys, self.size.1));
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
}

fn clip((low, high): (f32, f32), size: u32) -> std::ops::Range<i64> {
    (low.clamp(0.0, size as f32) as i64)..(high.ceil().clamp(0.0, size as f32) as i64)
}

fn distance_to_segment(p: (f32, f32), a: (f32, f32), b: (f32, f32)) -> f32 {
    let (along, to) = ((b.0 - a.0, b.1 - a.1), (p.0 - a.0, p.1 - a.1));
    let length2 = along.0 * along.0 + along.1 * along.1;
    let fraction = if length2 > 0.0 { ((to.0 * along.0 + to.1 * along.1) / length2).clamp(0.0, 1.0) } else { 0.0 };
    (to.0 - fraction * along.0).hypot(to.1 - fraction * along.1)
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
        self.stroke(&path, style.color(), style.stroke_width() as f32 / self.units_per_pixel);
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
        self.fill(low, high, style.color(), |x, y| (low.0 - x).max(x - high.0).max(low.1 - y).max(y - high.1));
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
        let half_stroke = if fill { 0.0 } else { style.stroke_width() as f32 / self.units_per_pixel / 2.0 };
        let reach = radius + half_stroke;
        let (low, high) = ((center.0 - reach, center.1 - reach), (center.0 + reach, center.1 + reach));
        self.fill(low, high, style.color(), |x, y| {
            let outside = (x - center.0).hypot(y - center.1) - radius;
            if fill { outside } else { outside.abs() - half_stroke }
        });
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, pos: BackendCoord) -> RasterResult {
        let bold = matches!(style.style(), FontStyle::Bold);
        let em = style.size() / font::HEIGHT / f64::from(self.units_per_pixel);
        let Some(face) = font::face(bold) else { return Ok(()) };
        let scaled = face.as_scaled(PxScale::from((em * font::HEIGHT) as f32));
        let width = font::width(text, em, bold) as f32;
        let mut pen = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width / 2.0,
            HPos::Right => -width,
        };
        let baseline = em as f32 * baseline_shift(style.anchor().v_pos);
        let (x0, y0) = self.to_pixels(pos);
        // Rotated glyphs are rotated pixel by pixel, so their origin must be an integer pixel.
        let rotated = !matches!(style.transform(), FontTransform::None);
        let origin = if rotated { (x0.round(), y0.round()) } else { (x0, y0) };
        let fraction = (origin.0 - origin.0.floor(), origin.1 - origin.1.floor());
        for c in text.chars() {
            let glyph = face
                .glyph_id(c)
                .with_scale_and_position(scaled.scale(), point(pen + fraction.0, (baseline + fraction.1).round()));
            if let Some(outline) = face.outline_glyph(glyph) {
                let corner = outline.px_bounds().min;
                outline.draw(|x, y, coverage| {
                    let (x, y) = (x as i32 + corner.x as i32, y as i32 + corner.y as i32);
                    let (x, y) = match style.transform() {
                        FontTransform::Rotate270 => (y, -1 - x),
                        FontTransform::Rotate90 => (-1 - y, x),
                        _ => (x, y),
                    };
                    let (x, y) = (i64::from(x) + origin.0.floor() as i64, i64::from(y) + origin.1.floor() as i64);
                    self.blend(x, y, style.color(), coverage);
                });
            }
            pen += scaled.h_advance(face.glyph_id(c));
        }
        Ok(())
    }
}

/// Returns the distance from the anchor down to the baseline in em, as in the SVG backend of plotters; the x-height of
/// the font is 0.486 em.
fn baseline_shift(anchor: VPos) -> f32 {
    match anchor {
        VPos::Top => 0.76,
        VPos::Center => 0.243,
        VPos::Bottom => -0.243,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::{Color, RGBAColor, RGBColor, ShapeStyle};

    fn drawn(side: u32, draw: impl Fn(&mut Raster<'_>)) -> Vec<u8> {
        let mut pixels = vec![255; (side * side * 3) as usize];
        draw(&mut Raster::new(&mut pixels, (side, side), 2));
        pixels.chunks(3).map(|pixel| pixel[0]).collect()
    }

    fn stroke(color: RGBAColor, stroke_width: u32) -> ShapeStyle {
        ShapeStyle { color, filled: false, stroke_width }
    }

    #[test]
    fn edges_are_antialiased() {
        let black = RGBColor(0, 0, 0).filled();
        let reds = drawn(20, |raster| raster.draw_circle((20, 20), 10, &black, true).unwrap());
        assert_eq!((reds[10 * 20 + 10], reds[2 * 20 + 2]), (0, 255));
        assert!(reds.iter().any(|value| (60..200).contains(value)), "no half-covered pixel");
    }

    #[test]
    fn a_translucent_line_is_even_at_its_joins() {
        let style = stroke(RGBColor(0, 0, 0).mix(0.5), 8);
        let reds = drawn(40, |raster| raster.draw_path([(10, 20), (40, 20), (70, 20)], &style).unwrap());
        assert_eq!(reds[10 * 40 + 20], reds[10 * 40 + 10]);
        assert_ne!(reds[10 * 40 + 20], 255);
    }

    #[test]
    fn drawing_outside_is_ignored() {
        let style = stroke(RGBColor(0, 0, 0).to_rgba(), 2);
        let reds = drawn(4, |raster| {
            raster.draw_path([(-100, -100), (-50, i32::MAX / 2)], &style).unwrap();
            raster.draw_rect((-9, -9), (-5, -5), &style.color, true).unwrap();
        });
        assert!(reds.iter().all(|&value| value == 255));
    }

    #[test]
    fn rotated_text_has_the_same_extent() {
        use plotters::style::{FontFamily, IntoTextStyle};
        let _registered = font::width("", 1.0, false);
        let style = (FontFamily::Name(font::FAMILY), 24.0).into_text_style(&(0, 0));
        let extent = |reds: &[u8]| {
            let dark = |index: &usize| reds[*index] < 128;
            let columns: Vec<usize> = (0..1600).filter(dark).map(|index| index % 40).collect();
            let rows: Vec<usize> = (0..1600).filter(dark).map(|index| index / 40).collect();
            let span = |indices: &[usize]| indices.iter().max().unwrap() - indices.iter().min().unwrap();
            (span(&columns), span(&rows))
        };
        let horizontal = extent(&drawn(40, |raster| raster.draw_text("mmm", &style, (4, 40)).unwrap()));
        let rotated_style = style.transform(FontTransform::Rotate270);
        let rotated = extent(&drawn(40, |raster| raster.draw_text("mmm", &rotated_style, (40, 76)).unwrap()));
        assert_eq!(horizontal, (rotated.1, rotated.0));
    }
}
