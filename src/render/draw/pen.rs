//! Drawing in CSS pixels with any plotters backend.

use crate::base::text::visible;
use crate::render::draw::{font, style};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, FontTransform, IntoTextStyle, RGBAColor, RGBColor, ShapeStyle};

/// Backend units per CSS pixel; backends have integer coordinates, so this keeps curves smooth.
pub(crate) const UNITS: f64 = 4.0;
/// Maximum coordinate in CSS pixels; larger ones are clamped because backends use 32-bit integers.
const MAX_COORDINATE: f64 = 1e6;

/// Result of drawing.
pub(crate) type DrawResult<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A position in CSS pixels from the top left corner.
pub(crate) type Position = (f64, f64);

/// Style of a text.
#[derive(Clone, Copy)]
pub(crate) struct TextStyle {
    /// Font size in CSS pixels.
    pub(crate) size: f64,
    /// Whether it is bold.
    pub(crate) bold: bool,
    /// Color.
    pub(crate) color: RGBColor,
    /// Horizontal alignment at its position.
    pub(crate) anchor: HPos,
    /// Whether it reads from bottom to top.
    pub(crate) rotated: bool,
}

impl TextStyle {
    /// Creates a left-aligned, vertically centered style.
    pub(crate) fn new(size: f64, color: RGBColor) -> Self {
        Self { size, bold: false, color, anchor: HPos::Left, rotated: false }
    }

    /// Makes it bold.
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Centers it horizontally.
    pub(crate) fn centered(self) -> Self {
        Self { anchor: HPos::Center, ..self }
    }

    /// Aligns it right.
    pub(crate) fn right_aligned(self) -> Self {
        Self { anchor: HPos::Right, ..self }
    }

    /// Rotates it to read from bottom to top.
    pub(crate) fn rotated(self) -> Self {
        Self { rotated: true, ..self }
    }
}

/// Draws on a plotters area.
pub(crate) struct Pen<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
}

impl<'a, B: DrawingBackend> Pen<'a, B> {
    /// Creates a pen for an area with [`UNITS`] units per CSS pixel.
    pub(crate) fn new(area: &'a DrawingArea<B, Shift>) -> Self {
        Self { area }
    }

    /// Draws a line through points.
    pub(crate) fn line(&self, points: &[Position], color: RGBAColor, width: f64) -> DrawResult<B> {
        if points.len() < 2 {
            return Ok(());
        }
        let points: Vec<_> = points.iter().map(|&point| units(point)).collect();
        self.area.draw(&PathElement::new(points, stroke(color, width)))
    }

    /// Draws a dashed line through points.
    pub(crate) fn dashed(&self, points: &[Position], color: RGBAColor, width: f64) -> DrawResult<B> {
        const DASH: f64 = 5.0;
        const SPACE: f64 = 4.0;
        dashes(points, DASH, SPACE).iter().try_for_each(|dash| self.line(dash, color, width))
    }

    /// Draws a filled disc.
    pub(crate) fn disc(&self, center: Position, radius: f64, color: RGBAColor) -> DrawResult<B> {
        self.area.draw(&Circle::new(units(center), length(radius), color.filled()))
    }

    /// Draws a ring.
    pub(crate) fn ring(&self, center: Position, radius: f64, color: RGBAColor, width: f64) -> DrawResult<B> {
        self.area.draw(&Circle::new(units(center), length(radius), stroke(color, width)))
    }

    /// Draws a filled rectangle.
    pub(crate) fn rectangle(&self, top_left: Position, bottom_right: Position, color: RGBAColor) -> DrawResult<B> {
        self.area.draw(&Rectangle::new([units(top_left), units(bottom_right)], color.filled()))
    }

    /// Draws a text, vertically centered at its position.
    pub(crate) fn text(&self, text: &str, position: Position, text_style: TextStyle) -> DrawResult<B> {
        let weight = if text_style.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if text_style.rotated { FontTransform::Rotate270 } else { FontTransform::None };
        let size = text_style.size * UNITS * font::HEIGHT;
        let style = (FontFamily::Name(font::FAMILY), size, weight).into_text_style(&(0, 0));
        let style = style.transform(turn).color(&text_style.color).pos(Pos::new(text_style.anchor, VPos::Center));
        self.area.draw(&Text::new(visible(text), units(position), style))
    }

    /// Draws a whisker from `low` to `high` with caps.
    pub(crate) fn whisker(&self, low: Position, high: Position, color: RGBAColor) -> DrawResult<B> {
        const CAP: f64 = 3.5;
        const WIDTH: f64 = 1.4;
        self.line(&[low, high], color, WIDTH)?;
        let vertical = (high.1 - low.1).abs() >= (high.0 - low.0).abs();
        let (dx, dy) = if vertical { (CAP, 0.0) } else { (0.0, CAP) };
        [low, high].iter().try_for_each(|(x, y)| self.line(&[(x - dx, y - dy), (x + dx, y + dy)], color, WIDTH))
    }

    /// Draws the heading of a panel, shortened to `room`.
    pub(crate) fn heading(&self, text: &str, position: Position, room: f64) -> DrawResult<B> {
        let fitted = font::fitted(text, style::HEADING, true, room);
        self.text(&fitted, position, TextStyle::new(style::HEADING, style::INK).bold())
    }
}

fn stroke(color: RGBAColor, width: f64) -> ShapeStyle {
    color.stroke_width(length(width).max(1) as u32)
}

fn units((x, y): Position) -> (i32, i32) {
    (length(x), length(y))
}

fn length(pixels: f64) -> i32 {
    let pixels = if pixels.is_finite() { pixels.clamp(-MAX_COORDINATE, MAX_COORDINATE) } else { 0.0 };
    (pixels * UNITS).round() as i32
}

/// Cuts a path into dashes that continue around corners.
fn dashes(points: &[Position], dash: f64, space: f64) -> Vec<Vec<Position>> {
    let mut cut = Vec::new();
    let mut current: Vec<Position> = points.first().copied().into_iter().collect();
    let (mut on, mut left) = (true, dash);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let size = (x1 - x0).hypot(y1 - y0);
        let mut done = 0.0;
        while size - done > left {
            done += left;
            let position = (x0 + (x1 - x0) * done / size, y0 + (y1 - y0) * done / size);
            if on {
                current.push(position);
                cut.push(std::mem::take(&mut current));
            } else {
                current = vec![position];
            }
            on = !on;
            left = if on { dash } else { space };
        }
        left -= size - done;
        if on {
            current.push((x1, y1));
        }
    }
    if current.len() > 1 {
        cut.push(current);
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_have_the_given_length_and_spacing() {
        let cut = dashes(&[(0.0, 0.0), (90.0, 0.0)], 5.0, 4.0);
        assert_eq!(cut.len(), 10);
        assert_eq!(cut[1], vec![(9.0, 0.0), (14.0, 0.0)]);
        assert!(dashes(&[], 5.0, 4.0).is_empty());
    }

    #[test]
    fn non_finite_and_huge_coordinates_are_clamped() {
        assert_eq!(units((f64::NAN, f64::INFINITY)), (0, 0));
        assert_eq!(units((1e30, 0.25)), (4_000_000, 1));
    }
}
