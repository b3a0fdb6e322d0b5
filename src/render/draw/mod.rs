//! Drawing with plotters: one drawing is rendered to SVG and PNG.

pub(crate) mod axis;
pub(crate) mod canvas;
pub(crate) mod font;
pub(crate) mod frame;
pub(crate) mod pen;
pub(crate) mod raster;
pub(crate) mod style;

pub(crate) use axis::Axis;
pub(crate) use canvas::Drawing;
pub(crate) use frame::Frame;
pub(crate) use pen::{DrawResult, Pen};
