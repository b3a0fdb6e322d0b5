//! Rendering of a drawing to SVG, PNG and PDF.

use crate::base::Result;
use crate::render::draw::scene::Scene;
use crate::render::draw::style::{NARROW, WIDE};
use crate::render::draw::{pdf, raster, svg, svg_file};

/// A figure that lays itself out for a width.
pub(crate) trait Drawing {
    /// Draws it for [`WIDE`] or [`NARROW`] CSS pixels; it may be narrower.
    fn draw(&self, width: f64) -> Scene;

    /// Returns whether the drawing itself has a title.
    fn has_title(&self) -> bool {
        false
    }

    /// Returns its data for the script of the page as JSON, see [`chart_data`](crate::render::charts::chart_data).
    fn data(&self) -> Option<String> {
        None
    }
}

/// A figure in every format.
#[derive(Clone, Debug)]
pub(crate) struct Rendered {
    /// SVG elements for the page, wide and narrow, without background and font.
    pub(crate) inline: String,
    /// Data for the script of the page.
    pub(crate) data: Option<String>,
    /// Files, by extension: with the title inside, on white.
    pub(crate) files: Vec<(&'static str, Vec<u8>)>,
    /// The drawings of the page, for tests of their layout.
    #[cfg(test)]
    pub(crate) scenes: [Scene; 2],
}

/// Renders a drawing; `title` is in the files and is the name of the figure for screen readers.
pub(crate) fn render(drawing: &impl Drawing, title: &str) -> Result<Rendered> {
    let (wide, narrow) = (drawing.draw(WIDE), drawing.draw(NARROW));
    let inline = svg::inline(&wide, "wide", title) + &svg::inline(&narrow, "narrow", title);
    #[cfg(test)]
    let scenes = [wide.clone(), narrow];
    let titled = if drawing.has_title() { wide } else { wide.titled(title) };
    let files = vec![
        ("svg", svg_file::svg(&titled, title)?.into_bytes()),
        ("png", raster::png(&titled)?),
        ("pdf", pdf::pdf(&titled, title)?),
    ];
    Ok(Rendered {
        inline,
        data: drawing.data(),
        files,
        #[cfg(test)]
        scenes,
    })
}
