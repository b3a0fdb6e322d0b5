//! Drawing: a figure is a list of shapes, laid out for a width and written as SVG, PNG and PDF.

pub(crate) mod axis;
pub(crate) mod canvas;
pub(crate) mod font;
pub(crate) mod frame;
pub(crate) mod ink;
pub(crate) mod marker;
mod pdf;
mod pdf_font;
mod raster;
pub(crate) mod scene;
pub(crate) mod style;
pub(crate) mod svg;

pub(crate) use axis::Axis;
pub(crate) use canvas::Drawing;
pub(crate) use frame::Frame;
pub(crate) use ink::{Family, Ink};
pub(crate) use marker::{Dash, Marker};
pub(crate) use scene::{MarkStyle, Position, Scene, Stroke, TextStyle};
