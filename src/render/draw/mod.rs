//! Drawing: a figure is a list of shapes, laid out for a width. `svg` writes it for the page, and `pen` draws it with
//! plotters on a backend for each format of its files: SVG, PNG and PDF.

pub(crate) mod axis;
pub(crate) mod canvas;
pub(crate) mod font;
pub(crate) mod frame;
pub(crate) mod ink;
pub(crate) mod marker;
mod pdf;
mod pdf_font;
mod pen;
mod raster;
pub(crate) mod scene;
pub(crate) mod style;
pub(crate) mod svg;
mod svg_file;

pub(crate) use axis::Axis;
pub(crate) use canvas::Drawing;
pub(crate) use frame::Frame;
pub(crate) use ink::{Family, Ink};
pub(crate) use marker::{Dash, Marker};
pub(crate) use scene::{MarkStyle, Position, Scene, Stroke, TextStyle};
