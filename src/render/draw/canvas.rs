//! Rendering of a drawing to SVG and PNG.

use crate::base::text::visible;
use crate::base::{Error, Result};
use crate::render::draw::pen::{DrawResult, Pen, UNITS};
use crate::render::draw::raster::Raster;
use crate::render::draw::{font, style};
use crate::render::pairs;
use base64::prelude::{BASE64_STANDARD, Engine};
use plotters::drawing::IntoDrawingArea;
use plotters::prelude::DrawingBackend;
use plotters::prelude::SVGBackend;

/// PNG pixels per CSS pixel: sharp on high-density screens and in print.
const DENSITY: f64 = 2.0;

/// A drawing that any plotters backend can render.
pub(crate) trait Drawing {
    /// Returns width and height in CSS pixels.
    fn size(&self) -> (f64, f64);

    /// Draws it with a pen.
    fn draw<B: DrawingBackend>(&self, pen: &Pen<'_, B>) -> DrawResult<B>;
}

/// Renders as PNG on white.
pub(crate) fn png(drawing: &impl Drawing) -> Result<Vec<u8>> {
    let (width, height) = drawing.size();
    let size = ((width * DENSITY).ceil() as u32, (height * DENSITY).ceil() as u32);
    let mut pixels = vec![u8::MAX; size.0 as usize * size.1 as usize * 3];
    paint(Raster::new(&mut pixels, size, (UNITS / DENSITY) as u32), drawing)?;
    Ok(pairs::png(&pixels, size.0, size.1))
}

/// Renders as SVG without background and font, for embedding in a page; `label` is for screen readers.
pub(crate) fn svg(drawing: &impl Drawing, label: &str) -> Result<String> {
    let (width, height) = drawing.size();
    let units = ((width * UNITS).ceil() as u32, (height * UNITS).ceil() as u32);
    let mut plain = String::new();
    paint(SVGBackend::with_string(&mut plain, units), drawing)?;
    let (_, body) = plain.split_once(">\n").ok_or_else(|| Error::bug("plotters drew an SVG without a root"))?;
    let (across, down) = units;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {across} {down}\" role=\"img\" aria-label=\"{}\">\n{body}",
        escape(label)
    ))
}

/// Makes an SVG self-contained: with the font, on white.
pub(crate) fn standalone(svg: &str) -> String {
    let Some((head, body)) = svg.split_once(">\n") else { return svg.to_owned() };
    let background = "<rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>";
    format!("{head}>\n<style>{}{SHAPES}</style>\n{background}\n{body}", font_faces())
}

/// CSS for line joins and the font, for embedded and standalone SVG.
pub(crate) const SHAPES: &str = "polyline{stroke-linejoin:round;stroke-linecap:round}\
     text{font-family:\"Simclr Sans\",\"Source Sans 3\",\"Helvetica Neue\",Arial,sans-serif}";

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

fn paint<B: DrawingBackend>(backend: B, drawing: &impl Drawing) -> Result<()> {
    // Registers the font with plotters, which measures text.
    let _registered = font::width("", style::TEXT, false);
    let area = backend.into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| Error::bug(format!("cannot draw a plot: {error}"));
    drawing.draw(&Pen::new(&area)).map_err(|error| failed(&error))?;
    area.present().map_err(|error| failed(&error))
}

fn escape(text: &str) -> String {
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
