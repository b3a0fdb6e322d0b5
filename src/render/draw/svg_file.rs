//! SVG files, by the backend of plotters.

use crate::base::{Error, Result};
use crate::render::draw::pen;
use crate::render::draw::scene::Scene;
use crate::render::draw::svg::font_faces;
use crate::render::html;
use plotters::prelude::SVGBackend;

/// CSS for line joins, and for fonts where an application ignores the embedded one.
const SHAPES: &str = "polyline{stroke-linejoin:round;stroke-linecap:round}\
     text{font-family:\"Simclr Sans\",\"Source Sans 3\",\"Helvetica Neue\",Arial,sans-serif}";

/// Renders as SVG with the font, on white; `label` is for screen readers.
///
/// # Errors
/// plotters fails, which is a bug.
pub(crate) fn svg(scene: &Scene, label: &str) -> Result<String> {
    let units = pen::size(scene);
    let mut drawn = String::new();
    pen::draw(scene, SVGBackend::with_string(&mut drawn, units))?;
    let (_, body) = drawn.split_once(">\n").ok_or_else(|| Error::bug("plotters drew an SVG without a root"))?;
    let (width, height) = (f64::from(units.0) / pen::UNITS, f64::from(units.1) / pen::UNITS);
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {} {}\" \
         role=\"img\" aria-label=\"{}\">\n<style>{}{SHAPES}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}",
        units.0,
        units.1,
        html::escaped(label),
        font_faces(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::draw::{Dash, Ink, Stroke, TextStyle};

    #[test]
    fn a_file_has_a_title_a_background_the_font_and_what_plotters_draws() {
        let mut scene = Scene::new(100.2, 50.0);
        scene.line(&[(1.0, 2.0), (9.04, 2.0)], Stroke::new(Ink::Text, 1.4).dashed(Dash::Dashed));
        scene.text("a < b", (20.0, 10.0), TextStyle::new(13.0, Ink::Text).centered());
        let svg = svg(&scene, "a \"b\"").unwrap();
        assert!(svg.contains("width=\"101\" height=\"50\" viewBox=\"0 0 1010 500\""), "{svg}");
        assert!(svg.contains("aria-label=\"a &quot;b&quot;\"") && svg.contains("@font-face"), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert!(svg.contains("stroke-width=\"14\" points=\"10,20 60,20 \""), "{svg}");
        assert!(svg.contains("text-anchor=\"middle\"") && svg.contains(">\na &lt; b\n</text>"), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"));
    }
}
