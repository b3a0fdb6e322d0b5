//! A drawing as a list of shapes, for the page and for files. Lengths are CSS pixels.

use crate::base::text::visible;
use crate::render::draw::font;
use crate::render::draw::ink::Ink;
use crate::render::draw::marker::{Dash, Marker};
use crate::render::draw::style::{HEADING, LINE_HEIGHT, MARGIN};

/// Maximum coordinate; larger ones are clamped: backends have 32-bit integers, and readers of files reject more.
const MAX_COORDINATE: f64 = 1e6;

/// A position from the top left corner.
pub(crate) type Position = (f64, f64);

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub(crate) ink: Ink,
    pub(crate) width: f64,
    pub(crate) dash: Dash,
    /// 1 hides what is below.
    pub(crate) opacity: f64,
}

impl Stroke {
    /// Creates a solid line.
    pub(crate) fn new(ink: Ink, width: f64) -> Self {
        Self { ink, width, dash: Dash::Solid, opacity: 1.0 }
    }

    /// Sets its dash pattern.
    pub(crate) fn dashed(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }
}

/// How markers are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MarkStyle {
    pub(crate) ink: Ink,
    pub(crate) marker: Marker,
    pub(crate) radius: f64,
    pub(crate) opacity: f64,
    /// Whether it is a ring; only for [`Marker::Circle`].
    pub(crate) is_ring: bool,
}

/// Horizontal alignment of a text at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Style of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextStyle {
    /// Font size.
    pub(crate) size: f64,
    pub(crate) bold: bool,
    pub(crate) ink: Ink,
    pub(crate) anchor: Anchor,
    /// Whether it reads from bottom to top.
    pub(crate) rotated: bool,
}

impl TextStyle {
    /// Creates a left-aligned style.
    pub(crate) fn new(size: f64, ink: Ink) -> Self {
        Self { size, bold: false, ink, anchor: Anchor::Start, rotated: false }
    }

    /// Makes it bold.
    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// Centers it horizontally.
    pub(crate) fn centered(self) -> Self {
        Self { anchor: Anchor::Middle, ..self }
    }

    /// Aligns it right.
    pub(crate) fn right_aligned(self) -> Self {
        Self { anchor: Anchor::End, ..self }
    }

    /// Rotates it to read from bottom to top.
    pub(crate) fn rotated(self) -> Self {
        Self { rotated: true, ..self }
    }
}

/// A shape, or the begin or end of a group of them.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// A line through points.
    Line(Vec<Position>, Stroke),
    /// Markers at points.
    Marks(Vec<Position>, MarkStyle),
    /// Filled rectangles: top left and bottom right.
    Boxes(Vec<(Position, Position)>, Ink, f64),
    /// One line of text, whose lowercase letters are vertically centered at the position.
    Text(String, Position, TextStyle),
    /// Begins a group for the script of the page: attributes of its element, and the ink of most of its shapes.
    Begin(Vec<(&'static str, String)>, Option<Ink>),
    /// Ends the last group.
    End,
}

/// Shapes on an area.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    /// Width and height.
    pub(crate) size: (f64, f64),
    /// The shapes, from bottom to top.
    pub(crate) shapes: Vec<Shape>,
}

impl Scene {
    /// Creates an empty area.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { size: (width, height), shapes: Vec::new() }
    }

    /// Draws a line through points.
    pub(crate) fn line(&mut self, points: &[Position], stroke: Stroke) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line(points.iter().copied().map(clamped).collect(), stroke));
        }
    }

    /// Draws markers.
    pub(crate) fn marks(&mut self, centers: &[Position], style: MarkStyle) {
        if !centers.is_empty() {
            self.shapes.push(Shape::Marks(centers.iter().copied().map(clamped).collect(), style));
        }
    }

    /// Draws filled rectangles, each from its top left to its bottom right corner.
    pub(crate) fn boxes(&mut self, boxes: &[(Position, Position)], ink: Ink, opacity: f64) {
        if !boxes.is_empty() {
            let boxes = boxes.iter().map(|(low, high)| (clamped(*low), clamped(*high))).collect();
            self.shapes.push(Shape::Boxes(boxes, ink, opacity));
        }
    }

    /// Draws a line of text.
    pub(crate) fn text(&mut self, text: &str, position: Position, style: TextStyle) {
        if !text.is_empty() {
            self.shapes.push(Shape::Text(visible(text).into_owned(), clamped(position), style));
        }
    }

    /// Draws lines of text from a position down, [`LINE_HEIGHT`] apart.
    pub(crate) fn lines_of_text(&mut self, lines: &[String], (x, y): Position, style: TextStyle) {
        for (at, line) in lines.iter().enumerate() {
            self.text(line, (x, y + at as f64 * LINE_HEIGHT), style);
        }
    }

    /// Draws a whisker from `low` to `high` with caps.
    pub(crate) fn whisker(&mut self, low: Position, high: Position, ink: Ink) {
        const CAP: f64 = 3.5;
        let stroke = Stroke::new(ink, 1.4);
        self.line(&[low, high], stroke);
        let vertical = (high.1 - low.1).abs() >= (high.0 - low.0).abs();
        let (dx, dy) = if vertical { (CAP, 0.0) } else { (0.0, CAP) };
        for (x, y) in [low, high] {
            self.line(&[(x - dx, y - dy), (x + dx, y + dy)], stroke);
        }
    }

    /// Draws shapes in a group with attributes.
    pub(crate) fn group(
        &mut self,
        attributes: Vec<(&'static str, String)>,
        ink: Option<Ink>,
        draw: impl FnOnce(&mut Self),
    ) {
        self.shapes.push(Shape::Begin(attributes, ink));
        draw(self);
        self.shapes.push(Shape::End);
    }

    /// Adds a title above the drawing, in as many lines as it needs.
    pub(crate) fn titled(mut self, title: &str) -> Self {
        let style = TextStyle::new(HEADING + 2.0, Ink::Text).bold();
        let lines = font::wrapped(title, style.size, true, self.size.0 - 2.0 * MARGIN);
        let height = lines.len() as f64 * (LINE_HEIGHT + 4.0) + MARGIN;
        self.shapes.iter_mut().for_each(|shape| shape.lower(height));
        self.size.1 += height;
        for (at, line) in lines.iter().enumerate() {
            self.text(line, (MARGIN, MARGIN + 8.0 + at as f64 * (LINE_HEIGHT + 4.0)), style);
        }
        self
    }
}

impl Shape {
    /// Moves it down.
    fn lower(&mut self, by: f64) {
        match self {
            Self::Line(points, _) | Self::Marks(points, _) => points.iter_mut().for_each(|point| point.1 += by),
            Self::Boxes(boxes, ..) => boxes.iter_mut().for_each(|(low, high)| {
                low.1 += by;
                high.1 += by;
            }),
            Self::Text(_, position, _) => position.1 += by,
            Self::Begin(..) | Self::End => {}
        }
    }
}

fn clamped((x, y): Position) -> Position {
    let clamp = |value: f64| if value.is_finite() { value.clamp(-MAX_COORDINATE, MAX_COORDINATE) } else { 0.0 };
    (clamp(x), clamp(y))
}

/// Measured layout of texts, for tests of figures.
#[cfg(test)]
impl Scene {
    /// Returns the bounding box of every text: left, top, right, bottom.
    pub(crate) fn text_boxes(&self) -> Vec<(String, [f64; 4])> {
        let of = |shape: &Shape| match shape {
            Shape::Text(text, (x, y), style) => {
                let width = font::width(text, style.size, style.bold);
                let start = match style.anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => -width / 2.0,
                    Anchor::End => -width,
                };
                let half = 0.5 * style.size;
                let bounds = if style.rotated {
                    [x - half, y - start - width, x + half, y - start]
                } else {
                    [x + start, y - half, x + start + width, y + half]
                };
                Some((text.clone(), bounds))
            }
            _ => None,
        };
        self.shapes.iter().filter_map(of).collect()
    }

    /// Asserts that texts are inside, do not overlap, and have at least 12 px.
    pub(crate) fn assert_legible(&self, name: &str) {
        let boxes = self.text_boxes();
        let mut problems = Vec::new();
        for (at, (text, [left, top, right, bottom])) in boxes.iter().enumerate() {
            let (width, height) = self.size;
            if *left < -0.5 || *top < -0.5 || *right > width + 0.5 || *bottom > height + 0.5 {
                problems.push(format!("{text:?} leaves the drawing: {left} {top} {right} {bottom} of {:?}", self.size));
            }
            for (other, [l, t, r, b]) in &boxes[..at] {
                if *left < r - 0.5 && *right > l + 0.5 && *top < b - 0.5 && *bottom > t + 0.5 {
                    problems.push(format!("{text:?} overlaps {other:?}"));
                }
            }
        }
        for shape in &self.shapes {
            if let Shape::Text(text, _, TextStyle { size, .. }) = shape
                && *size < 12.0
            {
                problems.push(format!("{text:?} has {size} px"));
            }
        }
        assert!(problems.is_empty(), "{name}: {problems:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_of_any_length_is_above_the_drawing_and_never_cut() {
        let mut scene = Scene::new(300.0, 40.0);
        scene.text("below", (8.0, 12.0), TextStyle::new(13.0, Ink::Text));
        let title = "Confusion matrix, linear evaluation of projection layer 1 (128-d): 53.1 %";
        let titled = scene.titled(title);
        titled.assert_legible("titled");
        let texts: Vec<String> = titled.text_boxes().into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts[0], "below");
        assert_eq!(texts[1..].join(" "), title);
        assert!(titled.size.1 > 60.0);
    }

    #[test]
    fn non_finite_and_huge_coordinates_are_clamped() {
        let mut scene = Scene::new(10.0, 10.0);
        scene.line(&[(f64::NAN, f64::INFINITY), (1e30, 0.25)], Stroke::new(Ink::Text, 1.0));
        let Shape::Line(points, _) = &scene.shapes[0] else { panic!("no line") };
        assert_eq!(points, &[(0.0, 0.0), (1e6, 0.25)]);
    }
}
