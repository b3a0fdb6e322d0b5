//! Drawing of a scene with plotters, on any of its backends.

use crate::base::{Error, Result};
use crate::render::draw::ink::Ink;
use crate::render::draw::marker::Marker;
use crate::render::draw::scene::{Anchor, MarkStyle, Position, Scene, Shape, Stroke, TextStyle};
use crate::render::draw::{Dash, font};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontFamily, FontStyle, FontTransform, IntoTextStyle, RGBAColor, RGBColor, ShapeStyle};

/// Backend units per CSS pixel; backends have integer coordinates, so this keeps curves smooth.
pub(crate) const UNITS: f64 = 10.0;
/// Width of the line of a ring in CSS pixels.
const RING: f64 = 1.0;
/// Maximum coordinate in CSS pixels of a line with dashes: farther out, there would be millions of them.
const MAX_DASHED: f64 = 1e5;

type Area<B> = DrawingArea<B, Shift>;
type DrawResult<B> = std::result::Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// Returns width and height of a scene in backend units, whole CSS pixels.
pub(crate) fn size(scene: &Scene) -> (u32, u32) {
    let units = |side: f64| (side.ceil() * UNITS) as u32;
    (units(scene.size.0), units(scene.size.1))
}

/// Draws a scene on a backend of [`size`]. Groups are for the page and draw nothing.
///
/// # Errors
/// The backend fails, which is a bug: ours and that of plotters write to memory.
pub(crate) fn draw<B: DrawingBackend>(scene: &Scene, backend: B) -> Result<()> {
    let area = backend.into_drawing_area();
    let drawn = scene.shapes.iter().try_for_each(|shape| draw_shape(&area, shape)).and_then(|()| area.present());
    drawn.map_err(|error| Error::bug(format!("cannot draw a plot: {error}")))
}

fn draw_shape<B: DrawingBackend>(area: &Area<B>, shape: &Shape) -> DrawResult<B> {
    if !is_visible(area, shape) {
        return Ok(());
    }
    match shape {
        Shape::Line(points, stroke) => line(area, points, *stroke),
        Shape::Marks(centers, style) => centers.iter().try_for_each(|center| mark(area, *center, *style)),
        Shape::Boxes(boxes, ink, opacity) => boxes.iter().try_for_each(|(low, high)| {
            area.draw(&Rectangle::new([units(*low), units(*high)], color(*ink, *opacity).filled()))
        }),
        Shape::Text(text, position, style) => write_text(area, text, *position, *style),
        Shape::Begin(..) | Shape::End => Ok(()),
    }
}

/// Returns whether a part of a shape is in the area: plotters would draw at the border what is outside.
fn is_visible<B: DrawingBackend>(area: &Area<B>, shape: &Shape) -> bool {
    let (width, height) = area.dim_in_pixel();
    let (width, height) = (f64::from(width) / UNITS, f64::from(height) / UNITS);
    let points: Vec<Position> = match shape {
        Shape::Line(points, _) | Shape::Marks(points, _) => points.clone(),
        Shape::Boxes(boxes, ..) => boxes.iter().flat_map(|(low, high)| [*low, *high]).collect(),
        Shape::Text(..) | Shape::Begin(..) | Shape::End => return true,
    };
    let any = |is_there: fn(&Position, f64, f64) -> bool| points.iter().any(|point| is_there(point, width, height));
    any(|(x, _), _, _| *x >= 0.0)
        && any(|(_, y), _, _| *y >= 0.0)
        && any(|(x, _), width, _| *x <= width)
        && any(|(_, y), _, height| *y <= height)
}

fn line<B: DrawingBackend>(area: &Area<B>, points: &[Position], stroke: Stroke) -> DrawResult<B> {
    let is_near = points.iter().all(|(x, y)| x.abs().max(y.abs()) < MAX_DASHED);
    let dash = if is_near { stroke.dash } else { Dash::Solid };
    let style = outlined(color(stroke.ink, stroke.opacity), stroke.width);
    dash.cut(points).into_iter().try_for_each(|part| {
        let part: Vec<_> = part.into_iter().map(units).collect();
        area.draw(&PathElement::new(part, style))
    })
}

fn mark<B: DrawingBackend>(area: &Area<B>, center: Position, style: MarkStyle) -> DrawResult<B> {
    let (center, color) = (units(center), color(style.ink, style.opacity));
    if style.marker == Marker::Circle {
        let shape = if style.is_ring { outlined(color, RING) } else { color.filled() };
        return area.draw(&Circle::new(center, length(style.radius), shape));
    }
    // Offsets are rounded by themselves, so that all markers of a series have the same shape.
    let corner = |offset| {
        let (dx, dy) = units(offset);
        (center.0 + dx, center.1 + dy)
    };
    let corners: Vec<_> = style.marker.outline(style.radius).into_iter().map(corner).collect();
    area.draw(&Polygon::new(corners, color))
}

fn write_text<B: DrawingBackend>(area: &Area<B>, text: &str, position: Position, style: TextStyle) -> DrawResult<B> {
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    let turn = if style.rotated { FontTransform::Rotate270 } else { FontTransform::None };
    let anchor = match style.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    // The backends write and measure text themselves, so that plotters needs the name of the font only.
    let color = color(style.ink, 1.0);
    let drawn = (FontFamily::Name(font::FAMILY), style.size * UNITS * font::HEIGHT, weight).into_text_style(&(0, 0));
    let drawn = drawn.transform(turn).color(&color).pos(Pos::new(anchor, VPos::Center));
    area.draw(&Text::new(text, units(position), drawn))
}

fn color(ink: Ink, opacity: f64) -> RGBAColor {
    let [red, green, blue] = ink.light();
    RGBColor(red, green, blue).mix(opacity)
}

fn outlined(color: RGBAColor, width: f64) -> ShapeStyle {
    color.stroke_width(length(width).max(1) as u32)
}

/// Converts a position to backend units; a scene has clamped it.
fn units((x, y): Position) -> (i32, i32) {
    (length(x), length(y))
}

fn length(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}
