//! Drawing in CSS pixels on any plotters backend.

use crate::base::text::visible;
use crate::render::draw::{font, style};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, FontTransform, IntoTextStyle, RGBAColor, RGBColor, ShapeStyle};

/// Backends count in whole units; this many make a CSS pixel, so that curves stay smooth.
pub(crate) const UNITS: f64 = 4.0;
/// Drawing coordinates beyond this are clipped: backends count in 32 bits.
const FAR: f64 = 1e6;

/// Result of drawing.
pub(crate) type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// A place in CSS pixels from the top left corner.
pub(crate) type Place = (f64, f64);

/// How a text stands.
#[derive(Clone, Copy)]
pub(crate) struct Lettering {
    /// Pixels an em.
    pub(crate) size: f64,
    /// Bold or regular.
    pub(crate) bold: bool,
    /// Its color.
    pub(crate) color: RGBColor,
    /// Which part of it lies at the place.
    pub(crate) anchor: HPos,
    /// Read from bottom to top?
    pub(crate) upright: bool,
}

impl Lettering {
    /// Text of a size, flush left at its place and centered vertically.
    pub(crate) fn new(size: f64, color: RGBColor) -> Self {
        Self { size, bold: false, color, anchor: HPos::Left, upright: false }
    }

    /// In bold.
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Centered at its place.
    pub(crate) fn centered(self) -> Self {
        Self { anchor: HPos::Center, ..self }
    }

    /// Ending at its place.
    pub(crate) fn flush_right(self) -> Self {
        Self { anchor: HPos::Right, ..self }
    }

    /// Read from bottom to top.
    pub(crate) fn upright(self) -> Self {
        Self { upright: true, ..self }
    }
}

/// Draws on a plotters area.
pub(crate) struct Pen<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
}

impl<'a, B: DrawingBackend> Pen<'a, B> {
    /// A pen for an area whose unit is `1 / UNITS` of a CSS pixel.
    pub(crate) fn new(area: &'a DrawingArea<B, Shift>) -> Self {
        Self { area }
    }

    /// A line through points.
    pub(crate) fn line(&self, points: &[Place], color: RGBAColor, width: f64) -> Drawn<B> {
        if points.len() < 2 {
            return Ok(());
        }
        let points: Vec<_> = points.iter().map(|&point| units(point)).collect();
        self.area.draw(&PathElement::new(points, stroke(color, width)))
    }

    /// A dashed line through points.
    pub(crate) fn dashed(&self, points: &[Place], color: RGBAColor, width: f64) -> Drawn<B> {
        const DASH: f64 = 5.0;
        const SPACE: f64 = 4.0;
        dashes(points, DASH, SPACE).iter().try_for_each(|dash| self.line(dash, color, width))
    }

    /// A filled disc.
    pub(crate) fn disc(&self, center: Place, radius: f64, color: RGBAColor) -> Drawn<B> {
        self.area.draw(&Circle::new(units(center), length(radius), color.filled()))
    }

    /// A ring.
    pub(crate) fn ring(&self, center: Place, radius: f64, color: RGBAColor, width: f64) -> Drawn<B> {
        self.area.draw(&Circle::new(units(center), length(radius), stroke(color, width)))
    }

    /// A filled rectangle.
    pub(crate) fn rectangle(&self, top_left: Place, bottom_right: Place, color: RGBAColor) -> Drawn<B> {
        self.area.draw(&Rectangle::new([units(top_left), units(bottom_right)], color.filled()))
    }

    /// A text, centered vertically at its place.
    pub(crate) fn text(&self, text: &str, place: Place, lettering: Lettering) -> Drawn<B> {
        let weight = if lettering.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if lettering.upright { FontTransform::Rotate270 } else { FontTransform::None };
        let size = lettering.size * UNITS * font::HEIGHT;
        let style = (FontFamily::Name(font::FAMILY), size, weight).into_text_style(&(0, 0));
        let style = style.transform(turn).color(&lettering.color).pos(Pos::new(lettering.anchor, VPos::Center));
        self.area.draw(&Text::new(visible(text), units(place), style))
    }

    /// A whisker from `low` to `high` with short bars at its ends.
    pub(crate) fn whisker(&self, low: Place, high: Place, color: RGBAColor) -> Drawn<B> {
        const BAR: f64 = 3.5;
        const WIDTH: f64 = 1.4;
        self.line(&[low, high], color, WIDTH)?;
        let vertical = (high.1 - low.1).abs() >= (high.0 - low.0).abs();
        let (dx, dy) = if vertical { (BAR, 0.0) } else { (0.0, BAR) };
        [low, high].iter().try_for_each(|(x, y)| self.line(&[(x - dx, y - dy), (x + dx, y + dy)], color, WIDTH))
    }

    /// The heading of a panel.
    pub(crate) fn heading(&self, text: &str, place: Place, room: f64) -> Drawn<B> {
        let fitted = font::fitted(text, style::HEADING, true, room);
        self.text(&fitted, place, Lettering::new(style::HEADING, style::INK).bold())
    }
}

fn stroke(color: RGBAColor, width: f64) -> ShapeStyle {
    color.stroke_width(length(width).max(1) as u32)
}

fn units((x, y): Place) -> (i32, i32) {
    (length(x), length(y))
}

fn length(pixels: f64) -> i32 {
    let pixels = if pixels.is_finite() { pixels.clamp(-FAR, FAR) } else { 0.0 };
    (pixels * UNITS).round() as i32
}

/// Cuts a path into dashes that go on around its corners.
fn dashes(points: &[Place], dash: f64, space: f64) -> Vec<Vec<Place>> {
    let mut cut = Vec::new();
    let mut current: Vec<Place> = points.first().copied().into_iter().collect();
    let (mut on, mut left) = (true, dash);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let size = (x1 - x0).hypot(y1 - y0);
        let mut gone = 0.0;
        while size - gone > left {
            gone += left;
            let place = (x0 + (x1 - x0) * gone / size, y0 + (y1 - y0) * gone / size);
            if on {
                current.push(place);
                cut.push(std::mem::take(&mut current));
            } else {
                current = vec![place];
            }
            on = !on;
            left = if on { dash } else { space };
        }
        left -= size - gone;
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
    fn dashes_cover_their_part_of_the_path() {
        let cut = dashes(&[(0.0, 0.0), (90.0, 0.0)], 5.0, 4.0);
        assert_eq!(cut.len(), 10);
        assert_eq!(cut[1], vec![(9.0, 0.0), (14.0, 0.0)]);
        assert!(dashes(&[], 5.0, 4.0).is_empty());
    }

    #[test]
    fn places_that_are_no_numbers_stay_inside() {
        assert_eq!(units((f64::NAN, f64::INFINITY)), (0, 0));
        assert_eq!(units((1e30, 0.25)), (4_000_000, 1));
    }
}
