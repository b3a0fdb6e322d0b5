//! SVG elements of the page.
//!
//! They are written without plotters, whose elements have neither classes nor groups. Shapes with the same style are one path, and colors are CSS classes, so that a page can be dark and stays small. A
//! marker begins with an `M` at its center; the script of the page finds points by it.

use crate::render::draw::font;
use crate::render::draw::ink::Ink;
use crate::render::draw::marker::Marker;
use crate::render::draw::scene::{Anchor, MarkStyle, Position, Scene, Shape, Stroke, TextStyle};
use crate::render::draw::style::TEXT;
use crate::render::html;
use base64::prelude::{BASE64_STANDARD, Engine};
use std::fmt::Write as _;

/// CSS of the figures of the page but for their colors.
pub(crate) const SHAPES: &str = "svg.chart{font:400 13px \"Simclr Sans\",\"Source Sans 3\",\"Helvetica Neue\",Arial,sans-serif}\
     .chart path{fill:none;stroke:currentColor;stroke-linecap:round;stroke-linejoin:round}\
     .chart .fill{fill:currentColor;stroke:none}.chart text{fill:currentColor}";

/// Returns an element for the page, which has the font and the CSS; `label` is for screen readers.
pub(crate) fn inline(scene: &Scene, class: &str, label: &str) -> String {
    let mut svg = String::new();
    let _infallible = root(&mut svg, scene, &format!("chart {class}"), label);
    body(&mut svg, scene);
    svg
}

/// Returns the embedded font as CSS.
pub(crate) fn font_faces() -> String {
    let face = |weight: u32, bytes: &[u8]| {
        let data = BASE64_STANDARD.encode(bytes);
        let family = font::FAMILY;
        format!(
            "@font-face{{font-family:\"{family}\";font-weight:{weight};src:url(data:font/woff2;base64,{data}) format(\"woff2\")}}"
        )
    };
    face(400, font::REGULAR_WOFF2) + &face(700, font::BOLD_WOFF2)
}

fn root(svg: &mut String, scene: &Scene, class: &str, label: &str) -> std::fmt::Result {
    let (width, height) = (scene.size.0.ceil(), scene.size.1.ceil());
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">",
        html::escaped(label)
    )
}

fn body(svg: &mut String, scene: &Scene) {
    let mut inks: Vec<Option<Ink>> = Vec::new();
    for shape in &scene.shapes {
        let around = inks.iter().rev().find_map(|ink| *ink);
        let _infallible = match shape {
            Shape::Line(points, stroke) => line(svg, points, *stroke, around),
            Shape::Marks(centers, style) => marks(svg, centers, *style, around),
            Shape::Boxes(boxes, ink, opacity) => rectangles(svg, boxes, *ink, *opacity, around),
            Shape::Text(text, position, style) => write_text(svg, text, *position, *style, around),
            Shape::Begin(attributes, ink) => {
                inks.push(*ink);
                begin(svg, attributes, *ink)
            }
            Shape::End => {
                inks.pop();
                svg.write_str("</g>\n")
            }
        };
    }
    svg.push_str("</svg>\n");
}

fn begin(svg: &mut String, attributes: &[(&str, String)], ink: Option<Ink>) -> std::fmt::Result {
    svg.write_str("<g")?;
    for (name, value) in attributes {
        match (*name, ink) {
            ("class", Some(ink)) => write!(svg, " class=\"{} {}\"", html::escaped(value), ink.class())?,
            _ => write!(svg, " {name}=\"{}\"", html::escaped(value))?,
        }
    }
    svg.write_str(">\n")
}

/// Writes the class of an element, with its color unless it has that of its group.
fn class(svg: &mut String, name: &str, ink: Ink, around: Option<Ink>) -> std::fmt::Result {
    let color = if around == Some(ink) { String::new() } else { ink.class() };
    match (name, color.as_str()) {
        ("", "") => Ok(()),
        ("", only) | (only, "") => write!(svg, " class=\"{only}\""),
        (name, color) => write!(svg, " class=\"{name} {color}\""),
    }
}

fn line(svg: &mut String, points: &[Position], stroke: Stroke, around: Option<Ink>) -> std::fmt::Result {
    svg.write_str("<path")?;
    class(svg, "line", stroke.ink, around)?;
    write!(svg, " stroke-width=\"{}\"", Short(stroke.width))?;
    let pattern: Vec<String> = stroke.dash.pattern().iter().map(f64::to_string).collect();
    if !pattern.is_empty() {
        write!(svg, " stroke-dasharray=\"{}\"", pattern.join(" "))?;
    }
    opacity(svg, stroke.opacity)?;
    svg.write_str(" d=\"M")?;
    for (at, (x, y)) in points.iter().enumerate() {
        write!(svg, "{}{} {}", if at > 0 { "L" } else { "" }, Short(*x), Short(*y))?;
    }
    svg.write_str("\"/>\n")
}

fn marks(svg: &mut String, centers: &[Position], style: MarkStyle, around: Option<Ink>) -> std::fmt::Result {
    let radius = style.radius;
    svg.write_str("<path")?;
    let is_disc = style.marker == Marker::Circle && !style.is_ring;
    class(svg, if is_disc || style.is_ring { "mark" } else { "mark fill" }, style.ink, around)?;
    if is_disc {
        write!(svg, " stroke-width=\"{}\"", Short(2.0 * radius))?;
    }
    opacity(svg, style.opacity)?;
    svg.write_str(" d=\"")?;
    let outline = match style.is_ring {
        true => format!(
            "m{0} 0a{1} {1} 0 1 0 {2} 0a{1} {1} 0 1 0 {0} 0",
            Short(-radius),
            Short(radius),
            Short(2.0 * radius)
        ),
        // A line of no length with round caps.
        false if is_disc => "h0".to_owned(),
        false => outline(style.marker, radius),
    };
    for (x, y) in centers {
        write!(svg, "M{} {}{outline}", Short(*x), Short(*y))?;
    }
    svg.write_str("\"/>\n")
}

/// Returns the outline of a marker from its center: after `m`, more pairs of numbers are lines.
fn outline(marker: Marker, radius: f64) -> String {
    let mut path = "m".to_owned();
    let mut from = (0.0, 0.0);
    for (x, y) in marker.outline(radius) {
        for number in [x - from.0, y - from.1].map(|number| Short(number).to_string()) {
            let is_apart = path.ends_with('m') || number.starts_with('-');
            path += if is_apart { "" } else { " " };
            path += &number;
        }
        from = (x, y);
    }
    path + "z"
}

fn rectangles(
    svg: &mut String,
    boxes: &[(Position, Position)],
    ink: Ink,
    strength: f64,
    around: Option<Ink>,
) -> std::fmt::Result {
    svg.write_str("<path")?;
    class(svg, "fill", ink, around)?;
    opacity(svg, strength)?;
    svg.write_str(" d=\"")?;
    for ((left, top), (right, bottom)) in boxes {
        let (width, height) = (right - left, bottom - top);
        write!(svg, "M{} {}h{}v{}h{}z", Short(*left), Short(*top), Short(width), Short(height), Short(-width))?;
    }
    svg.write_str("\"/>\n")
}

fn write_text(
    svg: &mut String,
    text: &str,
    (x, y): Position,
    style: TextStyle,
    around: Option<Ink>,
) -> std::fmt::Result {
    let shift = font::CENTER * style.size;
    let (x, y) = if style.rotated { (x + shift, y) } else { (x, y + shift) };
    svg.write_str("<text")?;
    class(svg, "", style.ink, around)?;
    write!(svg, " x=\"{}\" y=\"{}\"", Short(x), Short(y))?;
    match style.anchor {
        Anchor::Start => {}
        Anchor::Middle => svg.write_str(" text-anchor=\"middle\"")?,
        Anchor::End => svg.write_str(" text-anchor=\"end\"")?,
    }
    if (style.size - TEXT).abs() > 1e-9 {
        write!(svg, " font-size=\"{}\"", Short(style.size))?;
    }
    if style.bold {
        svg.write_str(" font-weight=\"700\"")?;
    }
    if style.rotated {
        write!(svg, " transform=\"rotate(-90 {} {})\"", Short(x), Short(y))?;
    }
    writeln!(svg, ">{}</text>", html::escaped(text))
}

fn opacity(svg: &mut String, opacity: f64) -> std::fmt::Result {
    if opacity < 1.0 { write!(svg, " opacity=\"{}\"", Short(opacity)) } else { Ok(()) }
}

/// A number with at most one decimal, or two below 1.
struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scale = if self.0.abs() < 1.0 { 100.0 } else { 10.0 };
        // Adding zero turns -0 into 0.
        write!(f, "{}", (self.0 * scale).round() / scale + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_a_class_are_one_path_with_their_centers() {
        let mut scene = Scene::new(100.0, 50.0);
        let mark = |marker| MarkStyle { ink: Ink::Class(3), marker, radius: 2.0, opacity: 0.8, is_ring: false };
        scene.group(vec![("class", "points".into()), ("data-class", "3".into())], Some(Ink::Class(3)), |scene| {
            scene.marks(&[(1.0, 2.0), (30.04, 4.26)], mark(Marker::Circle));
            scene.marks(&[(5.0, 6.0)], mark(Marker::Square));
        });
        let svg = inline(&scene, "wide", "a \"b\"");
        assert!(svg.contains("aria-label=\"a &quot;b&quot;\""), "{svg}");
        assert!(svg.contains("<g class=\"points class-3\" data-class=\"3\">"), "{svg}");
        assert!(
            svg.contains("<path class=\"mark\" stroke-width=\"4\" opacity=\"0.8\" d=\"M1 2h0M30 4.3h0\"/>"),
            "{svg}"
        );
        assert!(svg.contains("d=\"M5 6m-1.8-1.8 3.6 0 0 3.6-3.6 0z\""), "{svg}");
    }

    #[test]
    fn numbers_are_short() {
        let short = |value: f64| Short(value).to_string();
        assert_eq!([1.25, -0.04, 0.0625, -0.001, 1e6].map(short), ["1.3", "-0.04", "0.06", "0", "1000000"]);
    }
}
