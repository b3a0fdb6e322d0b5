//! Chart types, drawn from plain data series.

pub(crate) mod bars;
pub(crate) mod heatmap;
pub(crate) mod legend;
pub(crate) mod lines;
pub(crate) mod scatter;

pub(crate) use bars::{Bar, BarChart};
pub(crate) use heatmap::Heatmap;
pub(crate) use lines::{LineChart, LinePanel, LineSeries, ReferenceLine};
pub(crate) use scatter::{ScatterChart, ScatterPanel};
